#!/usr/bin/env bash
# Every score of this project on invented test sets in the public formats. Half a minute on two cores, no model.
# Usage: examples/evaluation/run.sh [OUTPUT_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-runs/evaluation}
python=${PYTHON:-python3}
xling="$python -m fairseq_xling"

"$python" "$here/make_sets.py" "$out"
cd "$out"
devtest=flores/devtest

echo "== Tatoeba, by spelling, both directions, with intervals and without giveaways"
$xling evaluate tatoeba --folder tatoeba --encoder surface --at 1 --compare index --unshared --bootstrap 1000

echo "== all directions of a FLORES folder, as a heat-map"
$xling evaluate matrix --folder flores --split devtest --encoder surface --svg matrix.svg

echo "== xSIM, and xSIM++ among sentences that are nearly the translation"
$xling evaluate xsim --encoder surface --source $devtest/bbb_Latn.devtest --target $devtest/aaa_Latn.devtest
$xling evaluate xsim++ --encoder surface --source $devtest/bbb_Latn.devtest --target $devtest/aaa_Latn.devtest \
    --augmented ${devtest}_augmented/aaa_Latn_augmented.devtest \
    --augmented-types ${devtest}_augmented/aaa_Latn_errtype.devtest.json

echo "== the shuffled-word control: spelling does not read sentences"
$xling evaluate shuffle --input $devtest/bbb_Latn.devtest --output shuffled.bbb
$xling evaluate tatoeba --encoder surface --source shuffled.bbb --target $devtest/aaa_Latn.devtest --at 1 --compare index

echo "== which layer knows translations?"
$xling evaluate layers --folder layers --svg layers.svg

echo "== BUCC: mined, scored at the best threshold and at the one that was best on the training split"
for split in train test; do
    $xling mine --encoder surface --source bucc/$split.bbb.txt --target bucc/$split.aaa.txt --threshold 0 \
        --output $split.tsv
done
$xling evaluate bucc --candidates test.tsv --gold bucc/test.gold --sentences bucc/test.bbb bucc/test.aaa \
    --tune-candidates train.tsv --tune-gold bucc/train.gold --tune-sentences bucc/train.bbb bucc/train.aaa \
    --bootstrap 1000 --curve curve.tsv

echo "== translations of two systems, the better one against the other"
$xling evaluate translation --hypothesis good.aaa --reference $devtest/aaa_Latn.devtest --baseline poor.aaa \
    --source $devtest/bbb_Latn.devtest --metrics bleu chrf ter --unshared --bootstrap 1000
echo "see $PWD/matrix.svg and $PWD/layers.svg"
