"""Translate lines from stdin with a converted folder and nothing but transformers."""

import argparse
import sys

from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", help="what `convert --to huggingface` wrote")
parser.add_argument("--target", required=True, help="the target language's code")
parser.add_argument("--beam", type=int, default=1, help="beam size; 1 is greedy")
parser.add_argument("--batch-size", type=int, default=32, help="lines at once")
options = parser.parse_args()

tokenizer = AutoTokenizer.from_pretrained(options.folder)
model = AutoModelForSeq2SeqLM.from_pretrained(options.folder)
target = tokenizer.convert_tokens_to_ids(f"[{options.target}]")
lines = sys.stdin.read().splitlines()
for start in range(0, len(lines), options.batch_size):
    portion = lines[start : start + options.batch_size]
    batch = tokenizer(portion, padding=True, truncation=True, return_tensors="pt")
    tokens = model.generate(**batch, num_beams=options.beam, forced_bos_token_id=target)
    print("\n".join(tokenizer.batch_decode(tokens, skip_special_tokens=True)))
