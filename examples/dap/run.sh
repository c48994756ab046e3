#!/usr/bin/env bash
# TR, TR+TLM and DAP (TR+RTL) from one task, tiny, on invented languages. About four minutes on two free cores.
# Usage: examples/dap/run.sh [OUTPUT_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-runs/dap}
python=${PYTHON:-python3}
bin=$(cd "$(dirname "$(command -v "$python")")" && pwd)
user_dir=$("$python" -m fairseq_xling user-dir)
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
languages=(qam qel qtu)

mkdir -p "$out"
"$python" "$here/make_text.py" "$out"
cd "$out"

quietly() {
  if ! "$@" >last.log 2>&1; then tail -n 20 last.log >&2; exit 1; fi
}

if [ ! -d data ]; then
  quietly "$python" -m fairseq_xling prepare --langs qam,qel,qtu --mono qam=mono.qam --mono qel=mono.qel \
    --mono qtu=mono.qtu --pairs pairs --vocabulary-size 600 --pieces-kind bpe --output data
fi

# A recipe that is interrupted goes on where it was: run the script again.
for recipe in tr tr_tlm dap; do
  quietly "$bin/fairseq-hydra-train" --config-dir "$here" --config-name ${recipe}_tiny "common.user_dir=$user_dir" \
    "task.data=$PWD/data" "task.dual_pairs='qel-qam,qtu-qam'" "checkpoint.save_dir=$PWD/$recipe"
  for language in "${languages[@]}"; do
    quietly "$python" -m fairseq_xling encode --checkpoint $recipe/checkpoint_best.pt --dict data/dict.txt \
      --spm data/spm.model --lang "$language" --input "test.$language" --output "vectors/$recipe.$language" --resume
  done
  for language in qel qtu; do
    echo "$recipe, $language and qam"
    "$python" -m fairseq_xling evaluate tatoeba --source "vectors/$recipe.$language" --target "vectors/$recipe.qam" \
      --source-language "$language" --target-language qam | grep accuracy
  done
done
