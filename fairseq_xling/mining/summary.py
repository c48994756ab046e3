"""What mining tells the person: counts, quality, and the margins' histogram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fairseq_xling.mining.pairs import Float64, MinedPairs

_BARS = " ▏▎▍▌▋▊▉█"


def histogram(scores: Float64, bins: int = 20) -> list[dict[str, Any]]:
    """`bins` equal steps over the scores' range: {low, high, count} each."""
    if len(scores) == 0:
        return []
    low, high = float(scores.min()), float(scores.max())
    counts, edges = np.histogram(scores, bins=bins, range=(low, max(high, low + 1e-7)))
    return [
        {"low": round(float(edges[i]), 4), "high": round(float(edges[i + 1]), 4), "count": int(count)}
        for i, count in enumerate(counts)
    ]


def histogram_lines(scores: Float64, bins: int = 12, width: int = 40) -> Iterator[str]:
    """The same as text, one bar a line."""
    steps = histogram(scores, bins)
    most = max((step["count"] for step in steps), default=0)
    for step in steps:
        eighths = round(step["count"] / most * width * 8)
        bar = "█" * (eighths // 8) + _BARS[eighths % 8].strip()
        yield f"  {step['low']:7.4f} to {step['high']:7.4f}  {step['count']:>9}  {bar}"


def index_lines(search: Mapping[str, Any]) -> Iterator[str]:
    """What an approximate search found of a sample's exact neighbours; nothing is said of an exact one."""
    if search["index"] != "exact":
        yield (
            f"index {search['index']}: found {search['forward_recall']:.2%} of the sources' neighbours and "
            f"{search['backward_recall']:.2%} of the targets' (sample of {search['recall_rows']} each)"
        )


def summary_lines(pairs: MinedPairs, quality_line: str) -> Iterator[str]:
    """For the person at the end of `mine`."""
    facts = pairs.facts
    yield f"{facts['sources']} sources, {facts['targets']} targets: {len(pairs)} pairs in {facts['seconds']:.1f} s"
    yield quality_line
    yield from index_lines(facts["search"])
    yield from histogram_lines(pairs.scores)
    yield pairs.signature
