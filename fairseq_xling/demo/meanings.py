"""What can be said in the invented world: who does what to whom and where, without a word of any language."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

# Concepts are named by English glosses. What goes with what is the same in every language, as in the real world:
# it is what a model of one language has in common with a model of another.
NOUNS: dict[str, tuple[str, ...]] = {
    "person": (
        *("woman", "man", "child", "teacher", "smith", "friend"),
        *("farmer", "sailor", "singer", "doctor", "guest", "king"),
    ),
    "animal": ("dog", "cat", "horse", "bird", "fish", "cow", "wolf", "bee"),
    "thing": ("bread", "apple", "stone", "book", "knife", "boat", "lamp", "cup", "rope", "coat", "letter", "egg"),
    "place": ("house", "river", "forest", "market", "bridge", "mountain", "garden", "island"),
}
ADJECTIVES: dict[str, tuple[str, ...]] = {
    "any": ("old", "small", "big", "good"),
    "living": ("happy", "tired", "clever", "hungry"),
    "thing": ("red", "white", "heavy", "broken"),
    "place": ("quiet", "far", "green", "cold"),
}
PERSON, LIVING = ("person",), ("person", "animal")
# Verb: the classes its subject, its object and its recipient may have; no classes, no such phrase.
VERBS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sleep": (LIVING, (), ()),
    "wait": (PERSON, (), ()),
    "fall": (("animal", "thing"), (), ()),
    "sing": (("person", "animal"), (), ()),
    "see": (LIVING, ("person", "animal", "thing", "place"), ()),
    "find": (LIVING, ("animal", "thing"), ()),
    "carry": (PERSON, ("thing",), ()),
    "buy": (PERSON, ("thing", "animal"), ()),
    "follow": (LIVING, LIVING, ()),
    "love": (PERSON, ("person", "place"), ()),
    "eat": (("animal",), ("thing", "animal"), ()),
    "give": (PERSON, ("thing", "animal"), PERSON),
    "send": (PERSON, ("thing",), PERSON),
    "show": (PERSON, ("thing", "place"), PERSON),
}
Word = TypeVar("Word")
NAMES = 40
# Names and numbers are what two languages have in common. Some events are news, full of them; the others have few.
NEWS = 0.3
CONCRETE = {"news": {"person": 0.8, "place": 0.6, "count": 0.6}, "talk": {"person": 0.15, "place": 0.05, "count": 0.06}}
CONCEPTS = tuple(word for table in (NOUNS, ADJECTIVES) for words in table.values() for word in words) + tuple(VERBS)


@dataclass(frozen=True)
class Phrase:
    """One participant: a noun with number and perhaps a quality and a count, or somebody's name."""

    noun: str | None = None
    name: int | None = None
    plural: bool = False
    adjective: str | None = None
    count: int | None = None


@dataclass(frozen=True)
class Meaning:
    """One event; every language has exactly one sentence for it, and no two events share a sentence."""

    verb: str
    past: bool
    negated: bool
    subject: Phrase
    object: Phrase | None = None
    recipient: Phrase | None = None
    place: Phrase | None = None


def meanings(draw: random.Random) -> Iterator[Meaning]:
    """Different meanings without end; the earlier words of every class are said more often than the later ones."""
    seen = set[Meaning]()
    while True:
        meaning = _event(draw)
        if meaning not in seen:
            seen.add(meaning)
            yield meaning


def _event(draw: random.Random) -> Meaning:
    verb = _often(draw, tuple(VERBS))
    subject, target, recipient = VERBS[verb]
    register = "news" if draw.random() < NEWS else "talk"
    placed = 0.3 if recipient else 0.5 if target else 0.9
    return Meaning(
        verb=verb,
        past=draw.random() < 0.5,
        negated=draw.random() < 0.1,
        subject=_phrase(draw, subject, register),
        object=_phrase(draw, target, register) if target else None,
        recipient=_phrase(draw, recipient, register) if recipient else None,
        place=_phrase(draw, ("place",), register) if draw.random() < placed else None,
    )


def _phrase(draw: random.Random, classes: tuple[str, ...], register: str) -> Phrase:
    kind = classes[draw.randrange(len(classes))]
    concrete = CONCRETE[register]
    if draw.random() < concrete.get(kind, 0.0):
        return Phrase(name=_often(draw, tuple(range(NAMES))))
    count = draw.randrange(2, 100) if draw.random() < concrete["count"] else None
    special = ADJECTIVES["living" if kind in LIVING else kind]
    return Phrase(
        noun=_often(draw, NOUNS[kind]),
        plural=count is not None or draw.random() < 0.3,
        adjective=_often(draw, special + ADJECTIVES["any"]) if draw.random() < 0.5 else None,
        count=count,
    )


def _often(draw: random.Random, words: tuple[Word, ...]) -> Word:
    """The first of the words is drawn about three times as often as the last."""
    weights = [3 - 2 * place / len(words) for place in range(len(words))]
    return draw.choices(words, weights)[0]
