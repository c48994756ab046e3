"""Lexicons: what families share, what scripts keep apart, forms that cannot be taken for each other."""

from __future__ import annotations

from itertools import combinations

import pytest

from fairseq_xling.demo.grammar import AFFIXES, PARTICLES
from fairseq_xling.demo.lexicon import LANGUAGES, LATIN, OWN_SCRIPT, SHARED, TRANSLITERATION, Lexicon, lexicons
from fairseq_xling.demo.meanings import CONCEPTS

BACK = {new: old for old, new in TRANSLITERATION.items()}


@pytest.fixture(scope="module", params=[1, 2, 3])
def words(request: pytest.FixtureRequest) -> dict[str, Lexicon]:
    return lexicons(request.param, AFFIXES, PARTICLES)


def latin(text: str) -> str:
    return text.translate(BACK)


def same_stems(words: dict[str, Lexicon], one: str, other: str) -> int:
    return sum(latin(words[one].stems[concept]) == latin(words[other].stems[concept]) for concept in CONCEPTS)


def test_there_are_two_families_and_one_script_more() -> None:
    assert len(LANGUAGES) == 5
    assert len({family for family, _ in LANGUAGES.values()}) == 2
    assert len(OWN_SCRIPT) == 1
    assert len(set(TRANSLITERATION.values())) == len(LATIN)


def test_a_family_shares_its_part_of_the_stems_and_strangers_hardly_any(words: dict[str, Lexicon]) -> None:
    for one, other in combinations(LANGUAGES, 2):
        if LANGUAGES[one][0] == LANGUAGES[other][0]:
            assert round(SHARED * 70) <= same_stems(words, one, other) <= round(SHARED * 70) + 2
        else:
            assert same_stems(words, one, other) <= 2


def test_another_script_has_no_letter_in_common(words: dict[str, Lexicon]) -> None:
    letters = {
        code: set("".join([*lexicon.stems.values(), *lexicon.marks.values()])) for code, lexicon in words.items()
    }
    for code in OWN_SCRIPT:
        assert not letters[code] & set().union(*(letters[other] for other in letters if other != code))


def test_names_are_shared_but_for_every_fifth_in_another_script(words: dict[str, Lexicon]) -> None:
    (own,) = OWN_SCRIPT
    names = words["qam"].names
    for code, lexicon in words.items():
        same = [one == other for one, other in zip(lexicon.names, names, strict=True)]
        assert same == [code != own or i % 5 != 4 for i in range(len(names))]
        assert [latin(name).capitalize() for name in lexicon.names] == list(names)


def test_no_stem_begins_or_ends_another(words: dict[str, Lexicon]) -> None:
    for lexicon in words.values():
        for one, other in combinations(lexicon.stems.values(), 2):
            shorter, longer = sorted((one, other), key=len)
            assert not longer.startswith(shorter)
            assert not longer.endswith(shorter)


def test_marks_of_a_language_differ(words: dict[str, Lexicon]) -> None:
    for lexicon in words.values():
        assert set(lexicon.marks) == {*AFFIXES, *PARTICLES}
        assert len({lexicon.marks[use] for use in AFFIXES}) == len(AFFIXES)
        assert len({lexicon.marks[use] for use in PARTICLES}) == len(PARTICLES)


def test_a_seed_decides_the_words() -> None:
    assert lexicons(1, AFFIXES, PARTICLES) == lexicons(1, AFFIXES, PARTICLES)
    assert lexicons(1, AFFIXES, PARTICLES)["qam"].stems != lexicons(2, AFFIXES, PARTICLES)["qam"].stems
