from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.evaluation.sharing import shares_no_word, word_strings


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", set()),
        ("  \t ", set()),
        ("The cat, the dog!", {"the", "cat", "dog"}),
        ("«Roma» (1870) — l'aga ...", {"roma", "1870", "l'aga"}),
        ("U.S.A. $5 C++", {"u.s.a", "5", "c"}),
        ("किताब। कि", {"किताब", "कि"}),  # a vowel sign is part of its word, the danda is not
        ("a\u00a0b", {"a", "b"}),
        ("_x_ -", {"x"}),
        ("ÀB", {"àb"}),
    ],
)
def test_words_of_a_line(line: str, words: set[str]) -> None:
    assert word_strings(line) == words


def test_a_shared_word_is_one_of_the_same_string() -> None:
    source = ["Rossi mangia", "il 1870", "casa", "casa", "", "..."]
    target = ["(rossi) eats", "in 1870.", "casas", "home", "a", "..."]
    assert shares_no_word(source, target).tolist() == [False, False, True, True, True, True]


@given(st.lists(st.tuples(st.text("ab, .1"), st.text("ab, .1")), max_size=8))
def test_sides_may_be_exchanged(lines: list[tuple[str, str]]) -> None:
    source, target = [one for one, _ in lines], [other for _, other in lines]
    assert shares_no_word(source, target).tolist() == shares_no_word(target, source).tolist()
    assert shares_no_word(source, source).tolist() == [not word_strings(line) for line in source]
