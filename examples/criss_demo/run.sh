#!/usr/bin/env bash
# CRISS's loop on five invented languages, then the same model by hand. Usage: examples/criss_demo/run.sh [RUN_DIR]
set -euo pipefail
run=${1:-runs/demo-1}
python=${PYTHON:-python3}

"$python" -m fairseq_xling demo --run-dir "$run" --seed 1

# What the run leaves is an ordinary model: translate with it, mine with it.
head -n 3 "$run/world/test.qam" >"$run/three.qam"
"$python" -m fairseq_xling translate --checkpoint "$run/round-03/train/model/model.pt" --source qam --target qtu \
  --input "$run/three.qam" --output "$run/three.qtu"
paste "$run/three.qam" "$run/three.qtu" <(head -n 3 "$run/world/test.qtu") | sed $'s/\t/   |   /g'
