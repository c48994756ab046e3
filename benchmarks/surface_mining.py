"""Surface mining of every language pair of real text, judged by concept numbers: the table in docs/mining.md.

    XLING_DATA=DIR python benchmarks/surface_mining.py [romance distant]

DIR/<set>/mono.<code> are the sentences, mono.<code>.ids their concept numbers (read for scoring only). For each pair:
how many gold pairs could be found; then number, precision and recall at the default threshold, at the threshold with
the best F1 (found with the gold), and at the cap that mining suggests without any gold.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from pathlib import Path

import numpy as np

from fairseq_xling.evaluation.goldpairs import gold_curve
from fairseq_xling.files import read_lines
from fairseq_xling.mining import MiningConfig, mine_pairs
from fairseq_xling.text.surface import SurfaceEncoder

HEAD = (
    "| pair | gold | default: pairs | P | R | best cut | pairs | P | R | F1 | suggested cap: pairs | P | R |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> int:
    named = os.environ.get("XLING_DATA")
    if not named:
        print("skipped: XLING_DATA names no folder with real text")
        return 0
    for name in sys.argv[1:] or ["romance", "distant"]:
        started = time.perf_counter()
        rows = list(mine_set(Path(named) / name))
        print(f"\n{name} ({MiningConfig().signature})\n\n{HEAD}")
        print("\n".join(row for row, _ in rows))
        means = np.mean([numbers for _, numbers in rows], axis=0)
        seconds = time.perf_counter() - started
        print(f"\nmean P/R: default {means[0]:.3f}/{means[1]:.3f}, best {means[2]:.3f}/{means[3]:.3f}, "
              f"suggested {means[4]:.3f}/{means[5]:.3f}; {len(rows)} pairs in {seconds:.0f} s")  # fmt: skip
    return 0


def mine_set(folder: Path):
    codes = sorted(path.suffix[1:] for path in folder.glob("mono.*") if path.suffix != ".ids")
    lines = {code: read_lines(folder / f"mono.{code}") for code in codes}
    ids = {code: read_lines(folder / f"mono.{code}.ids") for code in codes}
    encoder = SurfaceEncoder.fit([line for code in codes for line in lines[code]])
    vectors = {code: encoder.encode_sparse(lines[code]) for code in codes}
    for source, target in itertools.combinations(codes, 2):
        pairs = mine_pairs(vectors[source], vectors[target], MiningConfig(threshold=0))
        curve = gold_curve(pairs.scores, pairs.source_ids, pairs.target_ids, ids[source], ids[target])
        cap = pairs.facts["quality"]["suggested_cap"]
        default, best, suggested = curve.at(1.06, strict=True), curve.best(), curve.first(cap)
        yield (
            f"| {source}-{target} | {curve.gold} | {cells(default)} | {best.threshold:.3f} | {cells(best)} | "
            f"{best.f1:.3f} | {cells(suggested)} |",
            [value for cut in (default, best, suggested) for value in (cut.precision, cut.recall)],
        )


def cells(cut) -> str:
    return f"{cut.extracted} | {cut.precision:.3f} | {cut.recall:.3f}"


if __name__ == "__main__":
    sys.exit(main())
