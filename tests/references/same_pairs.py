"""Whether two sets of mined pairs are the same up to near-ties, which different roundings may decide differently."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

Pair = tuple[int, int]


def differences(
    first: Mapping[Pair, float], second: Mapping[Pair, float], score_tolerance: float = 2e-6, tie: float = 1e-5
) -> list[str]:
    """What near-ties do not explain; empty when the two are the same.

    Pairs in both must have the same score. One that is in one set only is explained by a rival, a pair that shares its
    source or target and is in the other set only, whose score is the same but for `tie`; or is higher and itself
    explained: in a greedy one-to-one selection one decision can push others.
    """
    wrong = []
    for pair in first.keys() & second.keys():
        one, other = first[pair], second[pair]
        if abs(one - other) > score_tolerance * max(1.0, abs(one), abs(other)):
            wrong.append(f"{pair} scores {one:.8g} and {other:.8g}")
    only = [
        {pair: side[pair] for pair in side.keys() - rest.keys()} for side, rest in ((first, second), (second, first))
    ]
    by_sentence: list[dict[tuple[str, int], list[Pair]]] = [defaultdict(list), defaultdict(list)]
    for side in (0, 1):
        for source, target in only[side]:
            by_sentence[side]["source", source].append((source, target))
            by_sentence[side]["target", target].append((source, target))
    explained: list[set[Pair]] = [set(), set()]
    lone = [(score, side, pair) for side in (0, 1) for pair, score in only[side].items()]
    for exactly in (True, False):  # chains start at near-ties and go down in score
        for score, side, (source, target) in sorted(lone, reverse=True):
            there = by_sentence[1 - side]
            for rival in there["source", source] + there["target", target]:
                gap = only[1 - side][rival] - score
                if abs(gap) <= tie if exactly else (gap > 0 and rival in explained[1 - side]):
                    explained[side].add((source, target))
    wrong += [
        f"{pair} scores {score:.8g} and is in the {('first', 'second')[side]} only"
        for score, side, pair in sorted(lone, reverse=True)
        if pair not in explained[side]
    ]
    return wrong
