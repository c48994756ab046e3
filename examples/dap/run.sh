#!/usr/bin/env bash
# DAP's objectives from one task, tiny, on invented languages: TR, TR+TLM and DAP (TR+RTL), or the recipes named.
# About a minute and a half for each recipe on a free core; a recipe that is interrupted goes on where it was.
# Usage: examples/dap/run.sh [OUTPUT_FOLDER [RECIPE…]]        examples/dap/run.sh runs/dap dap_source dap_both
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-runs/dap}
recipes=("${@:2}")
[ ${#recipes[@]} -gt 0 ] || recipes=(tr tr_tlm dap)
python=${PYTHON:-python3}
bin=$(cd "$(dirname "$(command -v "$python")")" && pwd)
user_dir=$("$python" -m fairseq_xling user-dir)
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
languages=(qam qel qtu)

mkdir -p "$out"
[ -d "$out/pairs" ] || "$python" "$here/make_text.py" "$out"
cd "$out"

quietly() {
  if ! "$@" >last.log 2>&1; then tail -n 20 last.log >&2; exit 1; fi
}

if [ ! -d data ]; then
  quietly "$python" -m fairseq_xling prepare --langs qam,qel,qtu --mono qam=mono.qam --mono qel=mono.qel \
    --mono qtu=mono.qtu --pairs pairs --vocabulary-size 600 --pieces-kind bpe --write-pieces --output data
fi
# What dap_restricted lets the head say: the pieces of the target language.
tr ' ' '\n' <data/train.qel-qam.qam | sort -u | grep . >target.tokens

for recipe in "${recipes[@]}"; do
  more=()
  [ "$recipe" != dap_restricted ] || more=("criterion.rtl_vocabulary=$PWD/target.tokens")
  quietly "$bin/fairseq-hydra-train" --config-dir "$here" --config-name ${recipe}_tiny "common.user_dir=$user_dir" \
    "task.data=$PWD/data" "task.dual_pairs='qel-qam,qtu-qam'" "checkpoint.save_dir=$PWD/$recipe" "${more[@]}"
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
