"""Links against a loop over tokens; AER against Och & Ney's definition; gold files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.alignment import (
    COMBINATIONS,
    Gold,
    aligned_tokens,
    aligned_words,
    alignment_scores,
    both_signatures,
    pharaoh,
    read_alignment,
    token_cosines,
)
from fairseq_xling.evaluation.tokens import TokenStates


def random_states(seed: int, words: list[list[int]], signature: str = "encoder:x|xling:0.1.0") -> TokenStates:
    """A line for each list, with so many tokens in each of its words."""
    numbers = [word for line in words for word, count in enumerate(line) for _ in range(count)]
    lines = np.cumsum([0, *(sum(line) for line in words)])
    rows = np.random.default_rng(seed).normal(size=(len(numbers), 3)).astype(np.float32)
    return TokenStates(rows, lines, np.array(numbers, np.int64), ["t"] * len(numbers), signature)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other) / math.sqrt(float(one @ one) * float(other @ other))


@pytest.mark.parametrize("combine", COMBINATIONS)
def test_words_against_a_loop(combine: str) -> None:
    source, target = random_states(1, [[1, 2, 1], [], [3, 1]]), random_states(2, [[2, 2], [1], [1, 1, 1, 2]])
    found = aligned_words(source, target, combine)
    for number, links in enumerate(found):
        ours = [(source.states[i], source.words[i]) for i in range(source.lines[number], source.lines[number + 1])]
        theirs = [(target.states[j], target.words[j]) for j in range(target.lines[number], target.lines[number + 1])]
        named: dict[str, set[tuple[int, int]]] = {"forward": set(), "backward": set()}
        for i, (state, _) in enumerate(ours):
            if theirs:
                named["forward"].add((i, max(range(len(theirs)), key=lambda j: cosine(state, theirs[j][0]))))
        for j, (state, _) in enumerate(theirs):
            if ours:
                named["backward"].add((max(range(len(ours)), key=lambda i: cosine(ours[i][0], state)), j))
        sets = {
            **named,
            "intersect": named["forward"] & named["backward"],
            "union": named["forward"] | named["backward"],
        }
        assert links == {(int(ours[i][1]), int(theirs[j][1])) for i, j in sets[combine]}
    assert found[1] == frozenset()


def test_permuted_tokens_align_with_themselves() -> None:
    rows = np.random.default_rng(3).normal(size=(7, 5)).astype(np.float32)
    order = np.random.default_rng(4).permutation(7)
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(5, 5)))[0].astype(np.float32)
    for turned in (rows, rows @ rotation):
        found = aligned_tokens(token_cosines(turned, 3 * turned[order]))
        assert np.argwhere(found).tolist() == [[i, order.tolist().index(i)] for i in range(7)]
    assert not np.isnan(token_cosines(np.zeros((1, 5), np.float32), rows)).any()


def test_scores_by_hand() -> None:
    gold = [Gold(frozenset({(0, 0)}), frozenset({(0, 0), (1, 1)})), Gold(frozenset({(2, 0)}), frozenset({(2, 0)}))]
    links = [frozenset({(0, 0), (1, 1), (1, 0)}), frozenset({(0, 0)})]
    scores = {score.name: score for score in alignment_scores(links, gold, "encoder:x", "fur-eng", "dev")}
    # A has 4 links, S 2; one of A is sure, two are possible.
    assert scores["alignment.precision"].value == pytest.approx(2 / 4)
    assert scores["alignment.recall"].value == pytest.approx(1 / 2)
    assert scores["alignment.aer"].value == pytest.approx(1 - (1 + 2) / (4 + 2))
    assert scores["alignment.aer"].pair == "fur-eng"
    assert "encoder:x|split:dev" in scores["alignment.aer"].signature
    perfect = alignment_scores([one.sure for one in gold], gold, None)
    assert [score.value for score in perfect] == [0, 1, 1]
    none = alignment_scores([frozenset(), frozenset()], gold, None)
    assert [score.value for score in none] == [1, 0, 0]


def test_gold_files(tmp_path: Path) -> None:
    path = tmp_path / "gold"
    path.write_text("1-1 2?3 3p1\n\n10-2\n", encoding="utf-8")
    found = read_alignment(path, first=1)
    assert found[0] == Gold(frozenset({(0, 0)}), frozenset({(0, 0), (1, 2), (2, 0)}))
    assert found[1] == Gold(frozenset(), frozenset())
    assert found[2].sure == {(9, 1)}
    for text, first in (("1-x\n", 0), ("0-1\n", 1), ("1-2-3\n", 0)):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CorpusError, match=r"gold:1: `.*` is not a link i-j or i\?j"):
            read_alignment(path, first)
    assert pharaoh(frozenset({(2, 0), (0, 1)})) == "0-1 2-0"


def test_faults() -> None:
    with pytest.raises(CorpusError, match="the source has 1 lines, but the target has 2"):
        aligned_words(random_states(1, [[1]]), random_states(1, [[1], [1]]))
    with pytest.raises(CorpusError, match="1 sentence pairs, but 0 lines of gold"):
        alignment_scores([frozenset()], [], None)
    with pytest.raises(CorpusError, match="no sure link"):
        alignment_scores([frozenset()], [Gold(frozenset(), frozenset({(0, 0)}))], None)


def test_signatures() -> None:
    one, other = random_states(1, [[1]]), random_states(1, [[1]], "encoder:y|xling:0.1.0")
    assert both_signatures(one, one, "union").startswith("encoder:x|combine:union")
    assert "encoder:y" in both_signatures(one, other, "union")
