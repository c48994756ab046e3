"""How far a score could be chance: bootstrap intervals, the paired bootstrap, McNemar's exact test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.configs import at_least, checked
from fairseq_xling.evaluation.score import Score

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_LOW, _HIGH = 0.025, 0.975
_NUMBERS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Bootstrap:
    """How often a test set is drawn anew, with repetition, from itself (Efron 1979), and the seed of that."""

    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        checked(self)

    def faults(self) -> Iterator[str]:
        yield from at_least("bootstrap", self.samples, 1)
        yield from at_least("bootstrap_seed", self.seed, 0)

    def draws(self, items: int) -> Iterator[Int64]:
        """`samples` times the numbers [items] of the items drawn."""
        random = np.random.default_rng(self.seed)
        at_once = max(1, _NUMBERS_AT_ONCE // items)
        for start in range(0, self.samples, at_once):
            # In one piece for any usual test set, and then what sacreBLEU draws from the same seed.
            yield from random.choice(items, size=(min(at_once, self.samples - start), items), replace=True)

    def values(self, statistic: Callable[[Int64], float], items: int) -> Float64:
        """[samples]: the statistic of each draw."""
        return np.array([statistic(chosen) for chosen in self.draws(items)])


def with_intervals(scores: list[Score], bootstrap: Bootstrap) -> list[Score]:
    """The scores with `low` and `high` in their counts, the 95 % percentile interval over the items they count.

    Of accuracies and errors the items are the sentences; of mined pairs they are the pairs and the gold that is not
    among them. A mean over directions, whose items are not known, stays as it is.
    """
    return [_with_interval(score, bootstrap) for score in scores]


def _with_interval(score: Score, bootstrap: Bootstrap) -> Score:
    counts = score.counts
    values = None
    if "sentences" in counts and ("right" in counts or "errors" in counts):
        hits = counts["right"] if "right" in counts else counts["errors"]
        values = _redrawn(np.array([hits, counts["sentences"] - hits]), bootstrap)[:, 0] / counts["sentences"]
    elif {"extracted", "correct", "gold", "recall", "precision"} <= counts.keys():
        values = _pairs(counts, bootstrap)[score.name.split(".")[1]]
    return score if values is None else replace(score, counts={**counts, **interval(values, bootstrap)})


def interval(values: Float64, bootstrap: Bootstrap) -> dict[str, Any]:
    """The counts that say it."""
    low, high = np.quantile(values, [_LOW, _HIGH]).tolist()
    return {"low": low, "high": high, "bootstrap": bootstrap.samples, "bootstrap_seed": bootstrap.seed}


def _pairs(counts: Mapping[str, Any], bootstrap: Bootstrap) -> dict[str, Float64]:
    """Precision, recall and F1 of each draw from right pairs, further right ones, wrong ones and missed gold."""
    found = round(counts["recall"] * counts["gold"])
    kinds = np.array(
        [found, counts["correct"] - found, counts["extracted"] - counts["correct"], counts["gold"] - found]
    )
    found_again, further, wrong, missed = _redrawn(kinds, bootstrap).T
    precision = (found_again + further) / np.maximum(found_again + further + wrong, 1)
    recall = found_again / np.maximum(found_again + missed, 1)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    return {"precision": precision, "recall": recall, "f1": f1}


def _redrawn(kinds: Int64, bootstrap: Bootstrap) -> Int64:
    """[samples, kinds]: how many items of each kind a draw holds; those of a kind are alike, so numbers will do."""
    items = int(kinds.sum())
    if not items:
        return np.zeros((bootstrap.samples, len(kinds)), np.int64)
    return np.random.default_rng(bootstrap.seed).multinomial(items, kinds / items, size=bootstrap.samples)


def paired_bootstrap(
    ours: Callable[[Int64], float], theirs: Callable[[Int64], float], items: int, bootstrap: Bootstrap
) -> float:
    """p of two systems' difference on the same items, as sacreBLEU's paired bootstrap computes it.

    `ours` and `theirs` give the score of the items that they are handed the numbers of. Koehn 2004, with the
    differences centred on their mean, and one added, so that no p is 0.
    """
    everything = np.arange(items)
    found = abs(ours(everything) - theirs(everything))
    differences = np.abs([ours(chosen) - theirs(chosen) for chosen in bootstrap.draws(items)])
    return (int((differences - differences.mean() > found).sum()) + 1) / (bootstrap.samples + 1)


def mcnemar(ours: npt.NDArray[np.bool_], theirs: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """McNemar's exact two-sided test of who is right, [n] and [n]: of what only one got right, might a coin decide?"""
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    tossed = only_ours + only_theirs
    term = total = 1
    for heads in range(1, min(only_ours, only_theirs) + 1):
        # Integers of any size, so that nothing is rounded before the one division.
        term = term * (tossed - heads + 1) // heads
        total += term
    p = min(1.0, 2 * total / 2**tossed)
    return {"baseline": float(theirs.mean()), "only_here": only_ours, "only_baseline": only_theirs, "p": p}


__all__ = ("Bootstrap", "interval", "mcnemar", "paired_bootstrap", "with_intervals")
