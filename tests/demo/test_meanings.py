"""Meanings: different, within the frames, and each word said often enough to be learnt."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest

from fairseq_xling.demo.meanings import ADJECTIVES, CONCEPTS, NAMES, NOUNS, VERBS, Meaning, Phrase, meanings

CLASS_OF = {noun: kind for kind, nouns in NOUNS.items() for noun in nouns}


@pytest.fixture(scope="module")
def said() -> list[Meaning]:
    return list(islice(meanings(random.Random("some seed")), 8000))


def phrases(meaning: Meaning) -> list[Phrase]:
    return [p for p in (meaning.subject, meaning.object, meaning.recipient, meaning.place) if p is not None]


def test_there_are_seventy_different_concepts() -> None:
    assert sum(map(len, NOUNS.values())) == 40
    assert sum(map(len, ADJECTIVES.values())) == 16
    assert len(VERBS) == 14
    assert len(set(CONCEPTS)) == len(CONCEPTS) == 70


def test_meanings_differ_and_are_drawn_from_the_seed(said: list[Meaning]) -> None:
    assert len(set(said)) == len(said)
    assert list(islice(meanings(random.Random("some seed")), 50)) == said[:50]
    assert list(islice(meanings(random.Random("another")), 50)) != said[:50]


def test_participants_are_what_the_verb_allows(said: list[Meaning]) -> None:
    for meaning in said:
        for phrase, classes in zip(
            (meaning.subject, meaning.object, meaning.recipient), VERBS[meaning.verb], strict=True
        ):
            assert (phrase is None) == (not classes)
            if phrase is not None:
                assert allowed(phrase, classes)
        assert meaning.place is None or allowed(meaning.place, ("place",))


def allowed(phrase: Phrase, classes: tuple[str, ...]) -> bool:
    """Persons and places have names."""
    return bool({"person", "place"} & set(classes)) if phrase.noun is None else CLASS_OF[phrase.noun] in classes


def test_a_phrase_has_a_noun_or_a_name_and_a_count_is_plural(said: list[Meaning]) -> None:
    for phrase in (phrase for meaning in said for phrase in phrases(meaning)):
        assert (phrase.noun is None) != (phrase.name is None)
        assert phrase.count is None or (phrase.plural and 2 <= phrase.count < 100)
        assert phrase.name is None or phrase.name < NAMES


def test_every_word_recurs(said: list[Meaning]) -> None:
    every = [phrase for meaning in said for phrase in phrases(meaning)]
    counts = Counter(word for phrase in every for word in (phrase.noun, phrase.adjective) if word)
    counts += Counter(meaning.verb for meaning in said)
    assert set(counts) == set(CONCEPTS)
    assert min(counts.values()) >= 100
