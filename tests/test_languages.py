from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import (
    MBART_CC25,
    Pair,
    canonical,
    directions,
    language_token,
    parse_languages,
    parse_pair,
    parse_pairs,
    pivot_pairs,
    to_iso,
    to_mbart,
)

FOUR = ["eng", "fur", "lij", "lmo"]
subsets = st.lists(st.sampled_from(MBART_CC25), min_size=2, max_size=25, unique=True)


def test_the_published_numbers_of_pairs() -> None:
    """CRISS mines 90 of the 300 pairs of mBART's 25 languages, by 4 pivots (section 4.1)."""
    assert len(MBART_CC25) == 25
    assert len(parse_pairs("all", MBART_CC25)) == 300
    assert len(parse_pairs("pivots:en_XX,es_XX,hi_IN,zh_CN", MBART_CC25)) == 90


@pytest.mark.parametrize(
    ("mbart", "two", "three"),
    [("en_XX", "en", "eng"), ("ro_RO", "ro", "ron"), ("zh_CN", "zh", "cmn"), ("xh_ZA", "xh", "xho")],
)  # fmt: skip
def test_mbart_to_iso_and_back(mbart: str, two: str, three: str) -> None:
    assert to_iso(mbart, 2) == two
    assert to_iso(mbart) == three
    assert to_mbart(two) == to_mbart(three) == to_mbart(mbart) == mbart


@pytest.mark.parametrize("code", MBART_CC25)
def test_no_two_languages_share_a_code(code: str) -> None:
    assert to_mbart(to_iso(code, 2)) == to_mbart(to_iso(code, 3)) == code


@pytest.mark.parametrize(("code", "mbart"), [("zho", "zh_CN"), ("arb", "ar_AR"), ("npi", "ne_NP"), ("fur", "fur")])
def test_codes_of_public_sets(code: str, mbart: str) -> None:
    assert to_mbart(code) == mbart


def test_a_foreign_code_stays_as_it_is() -> None:
    assert to_iso("fur") == "fur"
    assert language_token("fur") == "[fur]"
    with pytest.raises(ValueError, match="2 or 3"):
        to_iso("en_XX", 4)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("all", [("eng", "fur"), ("eng", "lij"), ("eng", "lmo"), ("fur", "lij"), ("fur", "lmo"), ("lij", "lmo")]),
        ("pivots:eng", [("eng", "fur"), ("eng", "lij"), ("eng", "lmo")]),
        ("pivots:lij,lmo", [("eng", "lij"), ("eng", "lmo"), ("fur", "lij"), ("fur", "lmo"), ("lij", "lmo")]),
        ("lmo-eng, fur-eng,eng-lmo", [("eng", "fur"), ("eng", "lmo")]),
    ],
)
def test_parse_pairs(text: str, found: list[tuple[str, str]]) -> None:
    assert parse_pairs(text, FOUR) == found


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("eng-fru", ["unknown language `fru` (did you mean `fur`?) in pair `eng-fru`"]),
        ("eng-eng", ["pair `eng-eng` joins a language to itself"]),
        ("eng", ["pair `eng` is not two known languages joined by a hyphen (eng, fur, lij, lmo)"]),
        ("", ["pair `` is not two known languages joined by a hyphen (eng, fur, lij, lmo)"]),
        ("pivots:egn", ["unknown pivot language `egn` (did you mean `eng`?)"]),
        ("eng-eng,fur-fur", ["pair `eng-eng` joins a language to itself", "pair `fur-fur` joins a language to itself"]),
    ],
)
def test_all_faults_of_pairs_are_said_at_once(text: str, faults: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_pairs(text, FOUR)
    assert caught.value.faults == faults


@pytest.mark.parametrize("text", ["all", "pivots:eng", "eng-fur"])
def test_one_language_makes_no_pair(text: str) -> None:
    with pytest.raises(ConfigError, match="two languages make a pair, but 1"):
        parse_pairs(text, ["eng"])


def test_a_direction_is_kept_and_a_code_may_have_a_hyphen() -> None:
    assert parse_pair("lmo-eng", FOUR) == Pair("lmo", "eng")
    assert parse_pair("zh-Hant-en", ["en", "zh-Hant"]) == Pair("zh-Hant", "en")
    assert str(Pair("a", "b").reversed) == "b-a"
    with pytest.raises(ConfigError, match="can be read as"):
        parse_pair("a-b-c", ["a", "b-c", "a-b", "c"])


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("eng,fur,eng", ["language `eng` is given twice"]),
        ("eng,,fur", ["a language code is empty in 'eng,,fur'"]),
        ("en g", ["language code `en g` has a space, bracket, colon or slash in it"]),
        ("[fur],a:b", [f"language code `{c}` has a space, bracket, colon or slash in it" for c in ("[fur]", "a:b")]),
        ("", ["a language code is empty in ''"]),
    ],
)  # fmt: skip
def test_faults_of_languages(text: str, faults: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_languages(text)
    assert caught.value.faults == faults


def test_languages_keep_their_order() -> None:
    assert parse_languages(" ro_RO, en_XX,fur ") == ["ro_RO", "en_XX", "fur"]


@given(subsets, st.randoms())
def test_canonical_forgets_direction_order_and_repetition(languages: list[str], random) -> None:  # type: ignore[no-untyped-def]
    pairs = list(itertools.combinations(languages, 2))
    mixed = [pair if random.random() < 0.5 else pair[::-1] for pair in pairs] + pairs[:1]
    random.shuffle(mixed)
    assert canonical(mixed, languages) == pairs


@given(subsets, st.data())
def test_pivot_pairs_are_those_with_a_pivot(languages: list[str], data: st.DataObject) -> None:
    pivots = data.draw(st.lists(st.sampled_from(languages), min_size=1, unique=True))
    slow = [(a, b) for i, a in enumerate(languages) for b in languages[i + 1 :] if a in pivots or b in pivots]
    assert pivot_pairs(pivots, languages) == slow


def test_directions_are_both_forward_first() -> None:
    assert directions([Pair("a", "b"), Pair("c", "d")]) == [("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]
