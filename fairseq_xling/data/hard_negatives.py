"""Hard negatives of translation pairs from our own miner: a source's nearest targets, without its translation."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt
from fairseq.data import FairseqDataset

from fairseq_xling.errors import CorpusError
from fairseq_xling.mining.pairs import read_pairs

Ids = npt.NDArray[np.int64]


def hard_negatives(path: str | os.PathLike[str], target: FairseqDataset, count: int, seed: int) -> Ids:
    """[n, count] rows of `target`, nearest first, from a file that `mine --retrieval all` wrote over both sides.

    A row equal to the source's own target, whether the same line or one with the same words, is none; where too few
    are left, others are drawn from `seed`.
    """
    if not os.path.isfile(path):
        raise CorpusError(
            f"{path} does not exist. Encode both sides of the training pairs and mine them: "
            f"mine --retrieval all --mining-k {count + 1} --output {path}"
        )
    found = read_pairs(path)
    if found.directions is not None:
        found = found.take(found.directions == 0)
    rows = len(target)
    most = int(max(found.source_ids.max(initial=-1), found.target_ids.max(initial=-1)))
    if most >= rows:
        raise CorpusError(f"{path} names line {most}, but the pair has {rows} lines. Mine what is trained on.")
    texts = [tuple(target[row].tolist()) for row in range(rows)]
    if len(set(texts)) <= count:
        raise CorpusError(
            f"{path}: {count} hard negatives are asked for, but there are {len(set(texts))} different targets. "
            "Lower --dual-hard-negatives."
        )
    chosen = [list[int]() for _ in range(rows)]
    order = np.lexsort((found.target_ids, -found.scores, found.source_ids))
    for source, other in zip(found.source_ids[order].tolist(), found.target_ids[order].tolist(), strict=True):
        if len(chosen[source]) < count and _differs(texts, source, other, chosen[source]):
            chosen[source].append(other)
    draw = np.random.default_rng(seed)
    for source, others in enumerate(chosen):
        while len(others) < count:
            other = int(draw.integers(rows))
            if _differs(texts, source, other, others):
                others.append(other)
    return np.array(chosen, np.int64)


def _differs(texts: list[tuple[int, ...]], source: int, other: int, chosen: list[int]) -> bool:
    """Whether a target has other words than the source's own one and than those chosen before."""
    return texts[other] != texts[source] and all(texts[other] != texts[row] for row in chosen)
