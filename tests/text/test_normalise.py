from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.errors import ConfigError
from fairseq_xling.signatures import parse_signature
from fairseq_xling.text.normalise import STEPS, Normaliser, step_help

anything = st.text(max_size=30)


@pytest.mark.parametrize(
    ("steps", "before", "after"),
    [
        ("nfc", "e\u0301 \ufb01", "\u00e9 \ufb01"),
        ("nfkc", "e\u0301 \ufb01 \uff21", "\u00e9 fi A"),
        ("controls", "a\x00b\x85c\td\ufeff\u200ce\u2028", "ab c d\u200ce\u2028"),
        ("spaces", "\u00a0a \u2028 b\t\n", "a b"),
        ("controls,spaces", "\x1b a\x85\x0bb ", "a b"),
        ("spaces,controls", " a\x00 ", "a"),
        ("", " a\x00\t", " a\x00\t"),
    ],
)
def test_steps(steps: str, before: str, after: str) -> None:
    assert Normaliser(steps)(before) == after


@pytest.mark.parametrize(
    ("language", "before", "after"),
    [
        (None, "\u201ea\u201d \u2013 b\u2026", '"a" - b...'),
        ("eng", 'he said "no".', 'he said "no."'),
        ("en_XX", 'he said "no",', 'he said "no,"'),
        ("de", 'sagt "nein," er', 'sagt "nein", er'),
        ("fur", 'al dîs "no".', 'al dîs "no".'),
        ("cs_CZ", "1\u00a0000", "1,000"),
        ("fur", "1\u00a0000", "1.000"),
    ],
)
def test_punctuation_has_the_rules_of_the_language(language: str | None, before: str, after: str) -> None:
    assert Normaliser("punctuation", language)(before) == after


@given(anything)
def test_controls_removes_nothing_but_control_characters(line: str) -> None:
    slow = ""
    for mark in line:
        if unicodedata.category(mark) == "Cc":
            slow += " " if mark.isspace() else ""
        elif mark not in "\ufeff\ufffe\uffff":
            slow += mark
    assert Normaliser("controls")(line) == slow


@given(anything, st.permutations(["nfkc", "controls", "spaces"]))
def test_a_second_time_changes_nothing(line: str, steps: list[str]) -> None:
    # Composition may bring spaces, so only an order that ends with `spaces` is stable as a whole; single steps all are.
    for step in steps:
        once = Normaliser(step)(line)
        assert Normaliser(step)(once) == once


@given(anything)
def test_the_default_gives_one_line(line: str) -> None:
    found = Normaliser()(line)
    assert found == found.strip()
    assert len(found.split("\n")) == len(found.splitlines() or [""]) == 1


def test_an_empty_line_stays_a_line() -> None:
    assert list(Normaliser().lines(["a", " ", "b"])) == ["a", "", "b"]


def test_the_signature_says_steps_and_tables() -> None:
    fields = parse_signature(Normaliser("nfc,punctuation", "de_DE").signature)
    assert fields["normalise"] == "nfc+punctuation"
    assert fields["unicode"] == unicodedata.unidata_version
    assert fields["punctuation"].startswith("de-sacremoses-")
    assert parse_signature(Normaliser("").signature)["normalise"] == "none"
    assert "punctuation" not in parse_signature(Normaliser("nfc").signature)


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(
        ConfigError, match=r"2 faults: unknown normalisation step `nfd` .*; step `spaces` is written twice"
    ):
        Normaliser("nfd,spaces,spaces")


def test_help_lists_every_step() -> None:
    assert [name for name, _ in step_help()] == list(STEPS)
