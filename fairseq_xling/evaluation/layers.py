"""Retrieval by each layer of an encoder: where in the network are translations nearest to each other?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.nearest import TestSet
from fairseq_xling.evaluation.score import Score, extended
from fairseq_xling.evaluation.tatoeba import tatoeba_scores

_NAME = "tatoeba.accuracy.layer-"


def layer_scores(tests: Mapping[int, TestSet]) -> list[Score]:
    """`tatoeba.accuracy.layer-N` by row number, both directions, of the vectors that layer N gave of one test set."""
    sizes = {number: test.size for number, test in tests.items()}
    if len(set(sizes.values())) > 1:
        raise CorpusError(f"layers of different test sets: {sizes} sentences. Encode the same text with each layer.")
    scores = []
    for number, test in tests.items():
        made = extended(test.encoder, layer=number)
        found = tatoeba_scores(replace(test, encoder=made), f"{_NAME}{number}", [1], ["index"])
        scores += found
    return scores


def layer_curves(scores: Sequence[Score]) -> dict[str, list[tuple[float, float]]]:
    """(layer, accuracy) points of each direction, and of their mean."""
    lines = dict[str, list[tuple[float, float]]]()
    for score in scores:
        match = re.fullmatch(re.escape(_NAME) + r"(\d+)", score.name)
        if match and score.pair != "*":
            lines.setdefault(score.pair, []).append((int(match[1]), score.value))
    sides = list(lines.values())
    if len(sides) == 2:
        lines["mean"] = [(x, (y + z) / 2) for (x, y), (_, z) in zip(*sides, strict=True)]
    return lines
