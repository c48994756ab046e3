#!/usr/bin/env bash
# Trains, translates and scores a small task with stock fairseq commands; exits with 1 where the task was not learned.
set -euo pipefail

work=${DEMO_DIR:-.demo/host}
enough=60
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

quietly() {
  if ! "$@" >"$work/last.log" 2>&1; then
    tail -n 20 "$work/last.log" >&2
    echo "host_demo: $1 failed; its whole output is in $work/last.log" >&2
    exit 1
  fi
}

if ! command -v fairseq-train >/dev/null; then
  echo "host_demo: fairseq-train is not on PATH; run 'make setup' and then 'make demo'" >&2
  exit 2
fi
rm -rf "$work"
mkdir -p "$work"

echo "1/4  writing 4000 sentences and the same turned round"
python - "$work" <<'PYTHON'
import random
import sys
from pathlib import Path

draw = random.Random(1)
words = "sun moon star tree river stone bird fish wind rain fire snow".split()
for split, count in (("train", 4000), ("valid", 200), ("test", 200)):
    sentences = [draw.choices(words, k=draw.randint(2, 7)) for _ in range(count)]
    for side, turn in (("there", 1), ("back", -1)):
        text = "".join(" ".join(sentence[::turn]) + "\n" for sentence in sentences)
        Path(sys.argv[1], f"{split}.{side}").write_text(text, encoding="utf-8")
PYTHON

echo "2/4  fairseq-preprocess and fairseq-train (600 updates of a transformer with 2+2 layers)"
quietly fairseq-preprocess -s there -t back --joined-dictionary --destdir "$work/bin" \
  --trainpref "$work/train" --validpref "$work/valid" --testpref "$work/test"
quietly fairseq-train "$work/bin" --save-dir "$work/checkpoints" --seed 1 \
  --arch transformer --share-all-embeddings --encoder-normalize-before --decoder-normalize-before \
  --encoder-layers 2 --encoder-embed-dim 64 --encoder-ffn-embed-dim 128 --encoder-attention-heads 4 \
  --decoder-layers 2 --decoder-embed-dim 64 --decoder-ffn-embed-dim 128 --decoder-attention-heads 4 \
  --dropout 0 --criterion label_smoothed_cross_entropy --label-smoothing 0.1 \
  --optimizer adam --adam-betas "(0.9, 0.98)" --lr 0.004 --lr-scheduler inverse_sqrt --warmup-updates 100 \
  --batch-size 100 --max-update 600 --no-epoch-checkpoints --num-workers 0 --log-format simple

echo "3/4  fairseq-generate"
quietly fairseq-generate "$work/bin" --path "$work/checkpoints/checkpoint_last.pt" --beam 4 --batch-size 100 \
  --results-path "$work/results"
results=$work/results/generate-test.txt
grep '^H-' "$results" | cut -d- -f2- | sort -n | cut -f3 >"$work/hypotheses"
grep '^T-' "$results" | cut -d- -f2- | sort -n | cut -f2 >"$work/references"
paste "$work/test.there" "$work/hypotheses" | head -n 3 | sed $'s/^/       /; s/\t/   →   /'

echo "4/4  fairseq-score"
quietly fairseq-score --sys "$work/hypotheses" --ref "$work/references" --sacrebleu
score=$(grep -o 'BLEU = [0-9.]*' "$work/last.log" | cut -d' ' -f3)
echo "BLEU = $score on 200 sentences that were not trained on"
if ! awk -v score="$score" -v enough="$enough" 'BEGIN { exit !(score >= enough) }'; then
  echo "host_demo: the task was not learned (less than $enough BLEU)" >&2
  exit 1
fi
