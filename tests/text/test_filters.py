from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.errors import ConfigError
from fairseq_xling.text.filters import KINDS, FilterChain, Languages, filter_help

LONG = "uno due tre quattro cinque sei"

# filter, source, target, is it kept
DECISIONS = [
    ("length", "", "b", False),
    ("length", " \u2028 ", "b", False),
    ("length", "a", "b", True),
    ("length:2", "a b", "b", False),
    ("length:2:3", "a b c", "a  b", True),
    ("length:2:3", "a b c d", "a b", False),
    ("length::1", "a b", "c", False),
    ("characters:2:3", "ab", "a b", True),
    ("characters:2:3", "ab", "a bc", False),
    ("characters:2", "a", "bc", False),
    ("ratio:2", "a b c d", "a b", True),
    ("ratio:2", "a b c d e", "a b", False),
    ("ratio:2", "a b", "a b c d e", False),
    ("ratio:2", "", "a", False),
    ("ratio:2", "", "", True),
    ("ratio:1.5", "a b c", "a b", True),
    ("ratio:2:5", "a b c d e", "a", True),
    ("ratio:2:5", "a b c d e f", "a", False),
    ("character-ratio:2", "abcd", "ab", True),
    ("character-ratio:2", "abcde", "ab", False),
    ("copies", "Ab  c", "aB c", False),
    ("copies", LONG, LONG + " sette", True),
    ("copies:0.5", LONG, "uno due tre four five six", False),
    ("copies:0.51", LONG, "uno due tre four five six", True),
    ("copies:0.5", LONG, "uno due three four five six", True),
    ("copies:0.5", LONG, "uno due tre four five six seven eight nine", False),
    ("copies:0.5", "uno due tre quattro cinque", "uno due tre quattro six", True),
    ("missing", "a", "this is N/A now", False),
    ("missing", "N / A", "n/a", True),
    ("shorter:2", "a b c d", "a b", True),
    ("shorter:2", "a b c d", "a b c", False),
    ("shorter", "a", "b", True),
    ("letters", "12, 3", "a", False),
    ("letters", "", "a", False),
    ("letters", "1a", "- b -", True),
    ("letters:0.5", "1a", "b", True),
    ("letters:0.5", "12a", "b", False),
    ("letters:1", "e\u0301 \u0939\u093f", "b", True),
    ("links", "a@b", "c", False),
    ("links", "a", "see HTTPS://x.org", False),
    ("links", "www.x.org", "b", False),
    ("links", "httpd", "b", True),
]


@pytest.mark.parametrize(("text", "source", "target", "kept"), DECISIONS)
def test_decisions(text: str, source: str, target: str, kept: bool) -> None:
    found = FilterChain(text).pairs([(source, target)])
    assert found.kept.tolist() == ([0] if kept else [])
    assert found.dropped == {text: 0 if kept else 1}


@pytest.mark.parametrize(
    ("text", "kept"), [("repeats", [0, 1, 2, 5]), ("repeated-lines", [0, 2, 5]), ("letters,repeats", [1, 2, 5])]
)
def test_repetitions(text: str, kept: list[int]) -> None:
    pairs = [("1", "b"), ("a", "b"), ("a", "c"), ("a", "b"), ("1", "b"), ("d", "e")]
    # (a, b) repeats the b that was kept with 1, and so leaves its a free for (a, c).
    assert FilterChain(text).pairs(pairs).kept.tolist() == kept


def test_a_chain_starts_afresh_each_time() -> None:
    chain = FilterChain("repeats")
    assert len(chain.pairs([("a", "b")]).kept) == len(chain.pairs([("a", "b")]).kept) == 1


def test_the_first_filter_that_drops_an_item_counts_it() -> None:
    pairs = [("1", "1"), ("a", "a"), ("a", "b"), ("a", "b"), ("", "b")]
    found = FilterChain("length:1:250,ratio:3,copies,letters,repeats").pairs(pairs)
    assert found.kept.tolist() == [2]
    assert found.kept.dtype == np.int64
    assert list(found.dropped.items()) == [
        ("length:1:250", 1),
        ("ratio:3", 0),
        ("copies", 2),
        ("letters", 0),
        ("repeats", 1),
    ]
    assert found.total == 5


@given(st.lists(st.tuples(st.text(alphabet="ab1 @", max_size=6), st.text(alphabet="ab1 @", max_size=6)), max_size=20))
def test_every_item_is_kept_or_counted(pairs: list[tuple[str, str]]) -> None:
    found = FilterChain("letters,links,length::2,ratio:2,copies,repeated-lines").pairs(pairs)
    assert len(found.kept) + sum(found.dropped.values()) == found.total == len(pairs)
    sources, targets = ([pairs[place][side] for place in found.kept] for side in (0, 1))
    assert len(set(sources)) == len(sources)
    assert len(set(targets)) == len(targets)


def test_an_empty_chain_keeps_everything() -> None:
    assert FilterChain("").pairs([("", "")]).kept.tolist() == [0]


def test_lines_are_judged_alone() -> None:
    found = FilterChain("length:2,letters,repeats").lines(["a", "a b", "1 2", "a b", "c d"])
    assert found.kept.tolist() == [1, 4]
    assert found.dropped == {"length:2": 1, "letters": 1, "repeats": 1}
    assert FilterChain("repeated-lines").lines(["a", "a"]).kept.tolist() == [0]


def test_lines_cannot_be_compared_with_nothing() -> None:
    with pytest.raises(ConfigError, match=r"2 faults: `ratio:2` compares the two sides.*`copies` compares"):
        FilterChain("length,ratio:2,copies").lines(["a"])


def test_languages_are_compared_across_their_codes() -> None:
    languages = Languages("en_XX", "fur", lambda line: "eng" if "the" in line else "fur")
    chain = FilterChain("language", languages)
    assert chain.pairs([("the", "il"), ("il", "il"), ("the", "the")]).kept.tolist() == [0]
    assert chain.lines(["the", "il"]).kept.tolist() == [0]
    with pytest.raises(ConfigError, match="needs a language identifier"):
        FilterChain("language")


def test_all_faults_of_a_chain_are_reported_at_once() -> None:
    text = "lenght:3,length:a:-1,length:5:2,ratio,ratio:0.5,copies:2,letters:0.1:3,repeats,repeats"
    with pytest.raises(ConfigError) as caught:
        FilterChain(text)
    assert caught.value.faults == [
        "unknown filter `lenght` (did you mean `length`?)",
        "filter `length:a:-1`: min must be a whole number at least 0, but is `a`",
        "filter `length:a:-1`: max must be a whole number at least 0, but is `-1`",
        "a filter's largest length 2 is below its smallest, 5",
        "filter `ratio`: most must be a number at least 1, but is ``",
        "filter `ratio:0.5`: most must be a number at least 1, but is `0.5`",
        "filter `copies:2`: share must be a number from 0.01 to 1, but is `2`",
        "filter `letters:0.1:3` has more than the 1 numbers of `letters:SHARE`",
        "filter `repeats` is written twice",
    ]


def test_nan_is_not_a_number_of_a_filter() -> None:
    with pytest.raises(ConfigError, match="most must be a number"):
        FilterChain("ratio:nan")


def test_help_lists_every_filter() -> None:
    assert [form.partition(":")[0] for form, _ in filter_help()] == list(KINDS)
    assert ("ratio:MOST:FLOOR", KINDS["ratio"].help) in filter_help()
