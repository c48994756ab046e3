"""Which directions follow from -s, -t, --criss-pairs and --criss-eval-pairs."""

from __future__ import annotations

import pytest
from references import small_criss

from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import Pair
from fairseq_xling.tasks._directions import chosen_directions

LANGUAGES = ["aa", "bb", "cc"]


def names(data: dict[str, list[str]] | None = None, **options: str) -> tuple[list[str], list[str]]:
    def has_data(split: str, pair: Pair) -> bool:
        return str(pair) in (data or {}).get(split, [])

    trained, validated = chosen_directions(small_criss.task_options("x", **options), LANGUAGES, has_data)
    return [str(d) for d in trained], [str(d) for d in validated]


def test_pairs_go_both_ways() -> None:
    expected = ["aa-bb", "bb-aa", "bb-cc", "cc-bb"]
    assert names(criss_pairs="bb-aa,bb-cc") == (expected, expected)
    assert names(criss_pairs="pivots:bb") == (expected, expected)
    assert names(criss_pairs="all")[0] == ["aa-bb", "bb-aa", "aa-cc", "cc-aa", "bb-cc", "cc-bb"]


def test_one_direction() -> None:
    assert names(source_lang="cc", target_lang="aa") == (["cc-aa"], ["cc-aa"])
    assert names(source_lang="cc", target_lang="aa", criss_pairs="all") == (["cc-aa"], ["cc-aa"])


def test_validation_of_some_pairs() -> None:
    assert names(criss_pairs="all", criss_eval_pairs="aa-cc")[1] == ["aa-cc", "cc-aa"]


def test_pairs_that_are_found() -> None:
    data = {"train": ["aa-bb", "bb-cc"], "valid": ["bb-cc"]}
    assert names(data, criss_pairs="found") == (["aa-bb", "bb-aa", "bb-cc", "cc-bb"], ["bb-cc", "cc-bb"])
    assert names(data, criss_pairs="found", criss_eval_pairs="aa-cc")[1] == ["aa-cc", "cc-aa"]
    assert names(data, criss_pairs="aa-bb", criss_eval_pairs="found")[1] == ["bb-cc", "cc-bb"]
    assert names({"train": ["aa-bb"]}, criss_pairs="found", source_lang="bb", target_lang="aa")[1] == ["bb-aa"]


@pytest.mark.parametrize("data", [{}, {"train": ["aa-bb"]}])
def test_none_is_found(data: dict[str, list[str]]) -> None:
    with pytest.raises(ConfigError, match="has no pair of languages with `(train|valid)` data, but `found` is asked"):
        names(data, criss_pairs="found")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({}, "give --criss-pairs to train, or -s and -t to translate"),
        ({"source_lang": "aa"}, "-s and -t must be given together"),
        ({"source_lang": "aa", "target_lang": "xx"}, "-t xx is not one of the languages aa, bb, cc"),
        ({"criss_pairs": "aa-bb,aa-xx"}, "unknown language `xx`"),
        ({"source_lang": "xx"}, "3 faults: -s xx is not.*given together.*give --criss-pairs"),
    ],
)
def test_faults(options: dict[str, str], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        names(**options)
