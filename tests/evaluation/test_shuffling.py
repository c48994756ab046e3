from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.evaluation.shuffling import moved, shuffled_words
from fairseq_xling.signatures import parse_signature

texts = st.lists(st.lists(st.sampled_from(["a", "b", "ç", "\u2028x"]), max_size=6).map(" ".join), max_size=5)


@given(texts, st.integers(0, 9))
def test_lines_keep_their_words_and_their_place(lines: list[str], seed: int) -> None:
    shuffled = shuffled_words(lines, seed)
    assert [sorted(line.split()) for line in shuffled] == [sorted(line.split()) for line in lines]
    assert shuffled_words(lines, seed) == shuffled


def test_other_seeds_give_other_orders() -> None:
    line = " ".join(str(i) for i in range(20))
    orders = {shuffled_words([line], seed)[0] for seed in range(5)}
    assert len(orders) == 5
    assert line not in orders


def test_what_moved_is_counted() -> None:
    score = moved(["a b c", "d", ""], ["c b a", "d", ""], 7)
    assert score.value == 0.5
    assert score.counts == {"moved": 2, "words": 4, "lines": 3}
    assert parse_signature(score.signature)["seed"] == "7"
    assert moved([], [], 1).value == 0
