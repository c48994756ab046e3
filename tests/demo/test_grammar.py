"""Grammars: each mark where it belongs, five different orders, and no two meanings with one sentence."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from fairseq_xling.demo.grammar import AFFIXES, GRAMMARS, PARTICLES, Grammar
from fairseq_xling.demo.lexicon import LANGUAGES, Lexicon, lexicons
from fairseq_xling.demo.meanings import CONCEPTS, NAMES, Meaning, Phrase, meanings

# Words that show what they are: the concept itself, and the name of each mark.
GLOSSES = Lexicon(
    {concept: concept for concept in CONCEPTS},
    {use: f"-{use}-" for use in (*AFFIXES, *PARTICLES)},
    tuple(f"Name{number}" for number in range(NAMES)),
)
RICH = Meaning(
    verb="give",
    past=True,
    negated=True,
    subject=Phrase(noun="woman", plural=True, adjective="old"),
    object=Phrase(noun="apple", plural=True, adjective="red", count=7),
    recipient=Phrase(name=3),
    place=Phrase(noun="river"),
)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        (
            "qam",
            "woman-plural- old -negation-word- give-past- 7 apple-plural- red "
            "-recipient-word- Name3 -place-word- river",
        ),
        (
            "qel",
            "river -place-word- old woman-plural- Name3 -recipient-word- 7 red apple-object- "
            "-negation-word- give -past-word-",
        ),
        (
            "qib",
            "-negation-word- -past-word- give -plural-woman old 7 -plural-apple red -recipient-word- Name3 "
            "-place-word- river",
        ),
        (
            "qor",
            "old woman-plural- river -place-word- Name3 -recipient-word- 7 red apple-plural- "
            "give-past- -negation-word-",
        ),
        (
            "qtu",
            "give -past-word- -negation-word- -plural-apple red 7 -object-word- Name3 -recipient-word- "
            "-plural-woman old river -place-word-",
        ),
    ],
)
def test_a_rich_meaning_word_by_word(language: str, sentence: str) -> None:
    assert GRAMMARS[language].say(RICH, GLOSSES) == sentence


def test_what_is_not_meant_is_not_said() -> None:
    meaning = Meaning(verb="sleep", past=False, negated=False, subject=Phrase(noun="dog"))
    said = {language: grammar.say(meaning, GLOSSES) for language, grammar in GRAMMARS.items()}
    expected = ["dog sleep", "dog sleep", "sleep dog", "dog sleep", "sleep dog"]
    assert said == dict(zip(GRAMMARS, expected, strict=True))


def test_a_particle_never_separates_a_verb_from_its_affix() -> None:
    grammar = Grammar("VS", plural="none", tense="before", negation="suffix")
    meaning = Meaning(verb="wait", past=True, negated=True, subject=Phrase(name=0))
    assert grammar.say(meaning, GLOSSES) == "-past-word- wait-negation- Name0"


def test_every_language_has_a_grammar_and_its_own_word_order() -> None:
    assert list(GRAMMARS) == list(LANGUAGES)
    assert len({grammar.order for grammar in GRAMMARS.values()}) == len(GRAMMARS)
    assert all(sorted(grammar.order) == sorted("SVORP") for grammar in GRAMMARS.values())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_two_meanings_have_one_sentence(seed: int) -> None:
    words = lexicons(seed, AFFIXES, PARTICLES)
    chosen = list(islice(meanings(random.Random(f"{seed} test")), 10_000))
    for language, grammar in GRAMMARS.items():
        assert len({grammar.say(meaning, words[language]) for meaning in chosen}) == len(chosen)
