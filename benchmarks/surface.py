"""Surface retrieval of real text: the table in docs/surface.md, and whether it still is what it was.

    XLING_DATA=DIR python benchmarks/surface.py

DIR/<set>/mono.<code> are the texts whose n-gram statistics are used, DIR/<set>/test.<code> the multi-parallel test
sentences. Printed is Tatoeba accuracy (cosine, index), the mean over directions, in percent: among the set's other
languages and with English. Exits non-zero where an exact figure is more than a point from what was published for it.
"""

from __future__ import annotations

import itertools
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from figures import Figure, tell
from scipy import sparse

from fairseq_xling.evaluation.nearest import TestSet
from fairseq_xling.evaluation.tatoeba import tatoeba_scores
from fairseq_xling.files import read_lines
from fairseq_xling.text.surface import SurfaceEncoder

# Published for exact vectors of 2-4-grams, and for whole words: (among the set's other languages, with English).
PUBLISHED = {
    ("romance", "2-4-grams"): (92.8, 86.3),
    ("distant", "2-4-grams"): (24.3, 39.9),
    ("romance", "whole words"): (41.6, 32.0),
}
PUBLISHED_WITH_ENGLISH = {"crh": 46, "szl": 63, "mri": 34, "prs": 16}

Encode = Callable[[Sequence[str]], Any]


def whole_words(lines: Sequence[str]) -> Encode:
    """The same weights of lower-cased words of two letters and more, to see what n-grams add."""
    words = [re.findall(r"\b\w\w+\b", line.lower()) for line in lines]
    lines_with = Counter(word for some in words for word in set(some))
    columns = {word: place for place, word in enumerate(lines_with)}
    idf = np.log((1 + len(lines)) / (1 + np.array(list(lines_with.values())))) + 1

    def encode(sentences: Sequence[str]) -> Any:
        cells = [
            Counter(word for word in re.findall(r"\b\w\w+\b", line.lower()) if word in columns) for line in sentences
        ]
        places = np.array([columns[word] for some in cells for word in some], np.int64)
        counts = np.array([count for some in cells for count in some.values()], np.float64)
        rows = np.repeat(np.arange(len(cells)), [len(some) for some in cells])
        weights = (1 + np.log(counts)) * idf[places]
        weights /= np.sqrt(np.bincount(rows, weights**2, len(cells)))[rows]
        return sparse.csr_matrix((weights.astype(np.float32), (rows, places)), shape=(len(cells), len(columns)))

    return encode


def spelling(**sizes: int) -> Callable[[Sequence[str]], Encode]:
    def fit(lines: Sequence[str]) -> Encode:
        encoder = SurfaceEncoder.fit(lines, **sizes)
        return encoder.encode if sizes else encoder.encode_sparse

    return fit


VECTORS: dict[str, Callable[[Sequence[str]], Encode]] = {
    "2-4-grams": spelling(),
    "2-4-grams, hashed to 1024": spelling(hashed=1024),
    "2-4-grams, hashed to 8192": spelling(hashed=8192),
    "2-4-grams, SVD to 512": spelling(svd=512),
    "whole words": whole_words,
}


def accuracies(encode: Encode, tests: dict[str, list[str]]) -> dict[tuple[str, str], float]:
    """Percent by (source, target), both directions of every pair."""
    vectors = {code: encode(lines) for code, lines in tests.items()}
    found = {}
    for pair in itertools.combinations(tests, 2):
        test = TestSet(vectors[pair[0]], vectors[pair[1]], languages=pair)
        for direction, score in zip((pair, pair[::-1]), tatoeba_scores(test, "surface.accuracy", at=[1]), strict=True):
            found[direction] = 100 * score.value
    return found


def main() -> int:
    named = os.environ.get("XLING_DATA")
    if not named:
        print("skipped: XLING_DATA names no folder with real text")
        return 0
    wrong = []
    print("| set | vectors | among the others | with English | seconds |\n|---|---|---|---|---|")
    for name in ("romance", "distant"):
        folder = Path(named) / name
        codes = sorted(path.suffix[1:] for path in folder.glob("test.*"))
        mono = [line for code in codes for line in read_lines(folder / f"mono.{code}")]
        tests = {code: read_lines(folder / f"test.{code}") for code in codes}
        for label, fit in VECTORS.items():
            started = time.perf_counter()
            found = accuracies(fit(mono), tests)
            means = [
                float(np.mean([value for pair, value in found.items() if ("eng" in pair) == english]))
                for english in (False, True)
            ]
            print(
                f"| {name} | {label} | {means[0]:.1f} | {means[1]:.1f} | {time.perf_counter() - started:.0f} |",
                flush=True,
            )
            if label == "2-4-grams":
                by_language = {c: (found[c, "eng"] + found["eng", c]) / 2 for c in codes if c != "eng"}
            published = PUBLISHED.get((name, label), ())
            tell(
                [
                    Figure(f"surface, {name}, {label}, {what}, published", f"{m:.1f} %", f"{p:.1f} %", m / p)
                    for what, m, p in zip(("among the others", "with English"), means, published, strict=False)
                ]
            )
            wrong += [
                f"{name}, {label}: {m:.1f}, not {p}" for m, p in zip(means, published, strict=False) if abs(m - p) > 1
            ]
        print(f"\n{name}, 2-4-grams, with English: " + ", ".join(f"{c} {v:.1f}" for c, v in by_language.items()) + "\n")
        wrong += [
            f"{name}, {code} with English: {value:.1f}, not {PUBLISHED_WITH_ENGLISH[code]}"
            for code, value in by_language.items()
            if code in PUBLISHED_WITH_ENGLISH and abs(value - PUBLISHED_WITH_ENGLISH[code]) > 1
        ]
    print("\n".join(wrong) or "every published figure is met within a point")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
