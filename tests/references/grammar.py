"""Three invented languages with one grammar of meanings each way: translations that are right by construction."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

LANGUAGES = ("aa", "bb", "cc")
ROLES = ("subject", "subject_quality", "verb", "object", "object_quality", "place")
CONCEPTS = {"thing": 8, "quality": 6, "verb": 6, "place": 4}
# Order of the roles, and the ending that marks an object.
GRAMMARS = {
    "aa": (("subject_quality", "subject", "verb", "object_quality", "object", "place"), ""),
    "bb": (("subject", "subject_quality", "place", "object", "object_quality", "verb"), "ne"),
    "cc": (("verb", "subject", "subject_quality", "object", "object_quality", "place"), ""),
}
SOUNDS = {"aa": ("ptk", "aiu"), "bb": ("bdg", "eo"), "cc": ("mnsl", "aeo")}

Meaning = dict[str, int | None]


def lexicon(language: str) -> dict[str, list[str]]:
    """A word for each concept, made of the language's own sounds; no word occurs in two languages."""
    consonants, vowels = SOUNDS[language]
    syllables = [c + v for c in consonants for v in vowels]
    words = ["".join(parts) for parts in itertools.product(syllables, repeat=3)]
    random.Random(f"words of {language}").shuffle(words)
    taken = iter(words)
    return {kind: [next(taken) for _ in range(count)] for kind, count in CONCEPTS.items()}


def meanings(count: int, seed: int) -> list[Meaning]:
    """Different meanings, drawn without order; qualities and places may be missing."""
    rng = random.Random(seed)
    found = dict[tuple[int | None, ...], None]()
    while len(found) < count:
        found[
            rng.randrange(CONCEPTS["thing"]),
            rng.choice([None, rng.randrange(CONCEPTS["quality"])]),
            rng.randrange(CONCEPTS["verb"]),
            rng.randrange(CONCEPTS["thing"]),
            rng.choice([None, rng.randrange(CONCEPTS["quality"])]),
            rng.choice([None, rng.randrange(CONCEPTS["place"])]),
        ] = None
    return [dict(zip(ROLES, meaning, strict=True)) for meaning in found]


def sentence(meaning: Meaning, language: str) -> str:
    """The meaning's one sentence in a language."""
    words = lexicon(language)
    order, object_ending = GRAMMARS[language]
    kinds = {"subject": "thing", "object": "thing", "subject_quality": "quality", "object_quality": "quality"}
    said = list[str]()
    for role in order:
        concept = meaning[role]
        if concept is not None:
            word = words[kinds.get(role, role)][concept]
            said.append(word + object_ending if role == "object" else word)
    return " ".join(said)


def write(path: Path, said: Sequence[Meaning], language: str) -> None:
    """One sentence a line."""
    path.write_text("".join(sentence(meaning, language) + "\n" for meaning in said), encoding="utf-8")
