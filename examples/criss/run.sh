#!/usr/bin/env bash
# Pretrain a tiny mBART on three invented languages, finetune it on few pairs, translate. A few minutes on two cores.
# Usage: examples/criss/run.sh [OUTPUT_FOLDER]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-runs/criss}
python=${PYTHON:-python3}
bin=$(cd "$(dirname "$(command -v "$python")")" && pwd)
user_dir=$("$python" -m fairseq_xling user-dir)
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
languages=aa,bb,cc

rm -rf "$out"
"$python" "$here/make_text.py" "$out"
cd "$out"

quietly() {
  if ! "$@" >last.log 2>&1; then tail -n 20 last.log >&2; exit 1; fi
}

echo "1/4  pieces, dictionary with language tokens, binarised text"
quietly "$python" -m fairseq_xling prepare --langs $languages --mono aa=mono.aa --mono bb=mono.bb --mono cc=mono.cc \
  --pairs pairs --vocabulary-size 220 --pieces-kind bpe --validation 60 --output data

echo "2/4  pretraining: fairseq's multilingual denoising"
quietly "$bin/fairseq-train" data --user-dir "$user_dir" --task multilingual_denoising --arch criss_tiny \
  --langs $languages --add-lang-token --mask 0.35 --mask-length span-poisson --poisson-lambda 3.5 --replace-length 1 \
  --rotate 0 --sample-break-mode eos --tokens-per-sample 64 --criterion cross_entropy --dropout 0.1 \
  --optimizer adam --adam-betas "(0.9,0.98)" --lr 2e-3 --lr-scheduler inverse_sqrt --warmup-updates 100 \
  --max-tokens 600 --max-update 300 --save-dir pretrained --no-epoch-checkpoints --cpu --log-format simple

# The same training from the pretrained weights and, to see what they are worth, from random ones.
for start in pretrained random; do
  echo "3/4  translation of all three pairs, from $start weights"
  from=(--finetune-from-model pretrained/checkpoint_last.pt)
  [ $start = pretrained ] || from=()
  quietly "$bin/fairseq-train" data --user-dir "$user_dir" --task criss --arch criss_tiny "${from[@]}" \
    --criss-pairs all --criss-source-token suffix --criterion label_smoothed_cross_entropy --label-smoothing 0.1 \
    --dropout 0.1 --optimizer adam --adam-betas "(0.9,0.98)" --lr 2e-3 --lr-scheduler inverse_sqrt --warmup-updates 50 \
    --max-tokens 400 --max-update 120 --validate-interval 99 --validate-interval-updates 40 --save-dir "from-$start" --no-epoch-checkpoints \
    --criss-eval-bleu --criss-eval-bleu-args '{"beam": 1, "max_len_b": 20}' \
    --best-checkpoint-metric bleu --maximize-best-checkpoint-metric --cpu --log-format simple
done

echo "4/4  sacreBLEU on meanings that were in no pair of sentences"
options=(data --user-dir "$user_dir" --task criss --criss-source-token suffix --cpu --beam 3)
for direction in "aa bb" "cc aa"; do
  read -r source target <<<"$direction"
  for start in pretrained random; do
    quietly "$bin/fairseq-generate" "${options[@]}" -s "$source" -t "$target" --path "from-$start/checkpoint_best.pt" \
      --remove-bpe sentencepiece --scoring sacrebleu --max-tokens 4000
    printf '%s → %s from %-10s weights: BLEU %s\n' "$source" "$target" "$start" \
      "$(grep -o 'BLEU = [0-9.]*' last.log | cut -d' ' -f3)"
  done
done
head -n 3 pairs/test.aa-cc.aa >three.aa
"$bin/fairseq-interactive" "${options[@]}" -s aa -t cc --path from-pretrained/checkpoint_best.pt \
  --bpe sentencepiece --sentencepiece-model data/spm.model <three.aa 2>last.log | grep '^D-' | cut -f3 >three.cc
paste three.aa three.cc | sed $'s/\t/   →   /'
