#!/usr/bin/env bash
# LaBSE in four steps, tiny, on invented languages: pretraining at 1, 2 and 4 layers, each stacked on the one before,
# then the dual encoder. About five minutes on two free cores; run again, it goes on where it was.
# Usage: examples/labse/run.sh [OUTPUT_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-runs/labse}
python=${PYTHON:-python3}
bin=$(cd "$(dirname "$(command -v "$python")")" && pwd)
user_dir=$("$python" -m fairseq_xling user-dir)
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

mkdir -p "$out"
"$python" "$here/../dap/make_text.py" "$out"
cd "$out"

quietly() {
  if ! "$@" >last.log 2>&1; then tail -n 20 last.log >&2; exit 1; fi
}

if [ ! -d data ]; then
  quietly "$python" -m fairseq_xling prepare --langs qam,qel,qtu --mono qam=mono.qam --mono qel=mono.qel \
    --mono qtu=mono.qtu --pairs pairs --vocabulary-size 600 --pieces-kind bpe --output data
fi

# FROM is read only where the stage's own folder has no checkpoint yet.
train() { # RECIPE FROM MORE…
  local recipe=$1 from=$2
  shift 2
  quietly "$bin/fairseq-hydra-train" --config-dir "$here" --config-name "${recipe}_tiny" "common.user_dir=$user_dir" \
    "task.data=$PWD/data" "task.dual_pairs='qel-qam,qtu-qam'" "checkpoint.save_dir=$PWD/$recipe" \
    ${from:+"checkpoint.finetune_from_model=$PWD/$from/checkpoint_last.pt"} "$@"
  echo "$recipe: $(grep -o 'valid on .*' last.log | tail -n 1)"
}
train stage1 "" "task.masked_mono='qam,qel,qtu'"
train stage2 stage1 "task.masked_mono='qam,qel,qtu'"
train stage3 stage2 "task.masked_mono='qam,qel,qtu'"
train labse stage3

for language in qam qel qtu; do
  quietly "$python" -m fairseq_xling encode --checkpoint labse/checkpoint_best.pt --dict data/dict.txt \
    --spm data/spm.model --lang "$language" --input "test.$language" --output "vectors/$language" --resume
done
for language in qel qtu; do
  "$python" -m fairseq_xling evaluate tatoeba --source "vectors/$language" --target vectors/qam \
    --source-language "$language" --target-language qam | grep accuracy
done
