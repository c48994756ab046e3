"""Encode lines from stdin with sentence-transformers, and say how far the vectors are from those of `encode`."""

import argparse
import sys

import numpy as np
from sentence_transformers import SentenceTransformer

from fairseq_xling.vectors import open_vectors

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", help="what `convert --to sentence-transformers` wrote")
parser.add_argument("vectors", help="what `encode` wrote of the same lines")
options = parser.parse_args()

model = SentenceTransformer(options.folder, device="cpu", trust_remote_code=True)
found = model.encode(sys.stdin.read().splitlines(), show_progress_bar=False)
difference = np.abs(found - open_vectors(options.vectors).read()).max()
print(f"{len(found)} vectors of length {found.shape[1]}, largest difference {difference:.1e}")
sys.exit(int(difference > 1e-5))
