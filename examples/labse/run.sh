#!/usr/bin/env bash
# LaBSE, tiny, on invented languages: one run of five trainings (pretraining at 1, 2 and 4 layers, then the dual encoder),
# and after it the ablations that are named. About six minutes on a free core; run again, it goes on where it was.
# Usage: examples/labse/run.sh [OUTPUT_FOLDER [ABLATION…]]      examples/labse/run.sh runs/labse labse_unpretrained
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-runs/labse}
ablations=("${@:2}")
python=${PYTHON:-python3}
bin=$(cd "$(dirname "$(command -v "$python")")" && pwd)
user_dir=$("$python" -m fairseq_xling user-dir)
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

mkdir -p "$out"
[ -d "$out/pairs" ] || "$python" "$here/../dap/make_text.py" "$out"
cd "$out"
export LABSE_TEXT=$PWD

quietly() {
  if ! "$@" >last.log 2>&1; then tail -n 20 last.log >&2; exit 1; fi
}

"$python" -m fairseq_xling iterate "$here/stacking_tiny.yaml" --run-dir run
"$python" -m fairseq_xling iterate --run-dir run --status

[ ${#ablations[@]} -gt 0 ] || exit 0
model=run/round-03/pretrain/model
if [ ! -d data ]; then
  quietly "$python" -m fairseq_xling prepare --langs qam,qel,qtu --pairs pairs --spm $model/spm.model \
    --dict $model/dict.txt --output data
fi

neighbours() { # hard negatives: what the aligned model finds near each source
  local pair=$1 source=${1%-*} target=${1#*-} code
  [ ! -f "data/train.$pair.neighbours.tsv" ] || return 0
  for code in "$source" "$target"; do
    quietly "$python" -m fairseq_xling encode --checkpoint run/round-04/align/model/model.pt --lang "$code" \
      --input "pairs/train.$pair.$code" --output "vectors/$pair.$code"
  done
  quietly "$python" -m fairseq_xling mine --source "vectors/$pair.$source" --target "vectors/$pair.$target" \
    --retrieval all --mining-k 5 --threshold 0 --output "data/train.$pair.neighbours.tsv"
}

for recipe in "${ablations[@]}"; do
  start=("checkpoint.finetune_from_model=$PWD/$model/model.pt")
  [ "$recipe" != labse_unpretrained ] || start=()
  if [ "$recipe" = labse_hard ]; then neighbours qel-qam; neighbours qtu-qam; fi
  quietly "$bin/fairseq-hydra-train" --config-dir "$here" --config-name "${recipe}_tiny" "common.user_dir=$user_dir" \
    "task.data=$PWD/data" "task.dual_pairs='qel-qam,qtu-qam'" "checkpoint.save_dir=$PWD/$recipe" "${start[@]}"
  for language in qam qel qtu; do
    quietly "$python" -m fairseq_xling encode --checkpoint "$recipe/checkpoint_best.pt" --dict data/dict.txt \
      --spm data/spm.model --lang "$language" --input "test.$language" --output "vectors/$recipe.$language" --resume
  done
  for language in qel qtu; do
    echo "$recipe, $language and qam"
    "$python" -m fairseq_xling evaluate tatoeba --source "vectors/$recipe.$language" --target "vectors/$recipe.qam" \
      --source-language "$language" --target-language qam | grep accuracy
  done
done
