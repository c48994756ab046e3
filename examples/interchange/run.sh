#!/usr/bin/env bash
# The model of examples/criss in Hugging Face's hands and back: same translations, same weights, same vectors. One minute.
# Usage: examples/interchange/run.sh [FOLDER_OF_EXAMPLES_CRISS]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-runs/criss}"
python=${PYTHON:-python3}
xling="$python -m fairseq_xling"
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} HF_HUB_OFFLINE=1
model="from-pretrained/checkpoint_best.pt --dict data/dict.txt --spm data/spm.model"
text=pairs/test.aa-cc.aa

quietly() {
  if ! "$@" 2>last.log; then tail -n 20 last.log >&2; exit 1; fi
}

echo "1/3  to Hugging Face, whose greedy translations of $text into cc are ours"
quietly $xling convert --from fairseq --to huggingface --lang aa $model huggingface --json >there.json
quietly $xling translate --checkpoint $model --source aa --target cc --beam 1 --input $text >ours.cc
quietly "$python" "$here/translate.py" huggingface --target cc <$text >theirs.cc
wc -l <theirs.cc
cmp ours.cc theirs.cc

echo "2/3  back to fairseq, with the same weights"
quietly $xling convert --from huggingface --to fairseq huggingface back --json >back.json
for file in there.json back.json; do grep -o '"weights": "[0-9a-f]*"' $file | tee -a weights.new; done
[ "$(sort -u weights.new | wc -l)" = 1 ]
rm weights.new

echo "3/3  to sentence-transformers, whose vectors are those of encode"
quietly $xling convert --from fairseq --to sentence-transformers --lang aa $model sentence-transformers
rm -rf aa.vectors
quietly $xling encode --checkpoint $model --lang aa --input $text --output aa.vectors
quietly "$python" "$here/vectors.py" sentence-transformers aa.vectors <$text
