#!/usr/bin/env bash
# Mine two invented sister languages by spelling alone, judge the pairs, assemble training data, draw the margins.
# About a minute on two cores. Usage: examples/mining/run.sh [OUTPUT_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-runs/mining}
python=${PYTHON:-python3}
xling="$python -m fairseq_xling"

"$python" "$here/make_text.py" "$out"
cd "$out"

# Every candidate (--threshold 0), so that the curve below is whole.
$xling mine --source a.txt --target b.txt --encoder surface --threshold 0 --output all.tsv

# As one would mine for training: no more pairs than the estimate trusts. No gold is involved.
$xling mine --source a.txt --target b.txt --encoder surface --suggested-cap --output trusted.tsv
$xling assemble --pairs trusted.tsv --source-text a.txt --target-text b.txt \
    --source-lang aaa --target-lang bbb --output data

# The ids say which lines really are translations.
$xling evaluate pairs --pairs trusted.tsv --source-ids a.ids --target-ids b.ids
$xling evaluate pairs --pairs all.tsv --source-ids a.ids --target-ids b.ids --threshold 1.06 --curve curve.tsv

"$python" "$here/plot.py" all.tsv curve.tsv margins.svg
echo "see $PWD/margins.svg"
