"""A section's values become the words of its verb; lists are values of rounds."""

from __future__ import annotations

from fairseq_xling.encoders.options import EncodingConfig
from fairseq_xling.languages import Pair
from fairseq_xling.mining.assemble import AssemblyConfig
from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.rounds.sections import MiningSection, Section, SectionByRound, of_round
from fairseq_xling.text.pieces import PiecesConfig


def test_of_round() -> None:
    assert [of_round([1, 2], i) for i in range(4)] == [1, 2, 2, 2]
    assert of_round("last", 3) == "last"


def test_what_is_at_its_default_needs_no_word() -> None:
    assert Section(MiningConfig, {"k": 4, "margin": "ratio"}).words() == ()


def test_values_become_words() -> None:
    given = {"k": 8, "threshold": 0, "retrieval": "intersect", "suggested_cap": True, "max_margin": 1.5}
    expected = ["--retrieval", "intersect", "--mining-k", "8", "--threshold", "0", "--max-margin", "1.5"]
    assert Section(MiningConfig, given).words() == (*expected, "--suggested-cap")


def test_an_option_goes_by_its_own_flag() -> None:
    assert Section(PiecesConfig, {"vocabulary": 90, "kind": "bpe"}).words() == (
        "--vocabulary-size", "90", "--pieces-kind", "bpe",
    )  # fmt: skip


def test_no_filters_is_something_else_than_the_default_ones() -> None:
    assert Section(AssemblyConfig, {"filters": ""}).words() == ("--filters", "")


def test_a_switch_can_be_turned_either_way() -> None:
    assert Section(EncodingConfig, {"language_token": False}).words() == ("--no-language-token",)
    assert Section(EncodingConfig, {"language_token": True}).words() == ("--language-token",)
    assert Section(EncodingConfig, {"language_token": None}).words() == ()


def test_every_fault_of_the_verb_is_said() -> None:
    faults = Section(MiningConfig, {"k": 0, "margin": "x", "treshold": 1}).faults()
    assert len(faults) == 3
    assert "did you mean `threshold`?" in " ".join(faults)
    assert Section(MiningConfig, {"k": 0}).faults()[0].startswith("`mining_k` must be at least 1")


def test_a_list_is_one_value_a_round() -> None:
    section = SectionByRound(EncodingConfig, {"layer": ["0", "last"], "language_token": [False, None]})
    assert section.words(0) == ("--layer", "0", "--no-language-token")
    assert section.words(1) == section.words(7) == ()


def test_a_fault_in_any_round_is_said_once() -> None:
    assert len(SectionByRound(EncodingConfig, {"layer": ["first", "first", "last"]}).faults()) == 1


def test_caps_by_round_and_exceptions_by_pair() -> None:
    pair, other = Pair("aa", "bb"), Pair("aa", "cc")
    whole = SectionByRound(MiningConfig, {"threshold": 0, "max_count": [200, 400]})
    mining = MiningSection(whole, {pair: SectionByRound(MiningConfig, {"threshold": 0, "k": 8, "max_count": 7})})
    assert mining.words(other, 0) == ("--threshold", "0", "--max-count", "200")
    assert mining.words(other, 3) == ("--threshold", "0", "--max-count", "400")
    assert mining.words(pair, 0) == ("--mining-k", "8", "--threshold", "0", "--max-count", "7")
    assert mining.words(pair, 0, but=("mining_k", "max_count")) == ("--threshold", "0")
    assert mining.words(pair, 0, only=("mining_k", "unify")) == ("--mining-k", "8")
    assert mining.tiles == 1
