"""How each invented language puts a meaning into words: word order, number, case, tense, negation.

Endings are few, so that each form of a word recurs in a few thousand sentences: what no text repeats, no model learns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fairseq_xling.demo.lexicon import Lexicon
from fairseq_xling.demo.meanings import Meaning, Phrase

ROLES = {"S": "subject", "O": "object", "R": "recipient", "P": "place"}
# An affix of the head word, or a word of its own before or after the phrase.
Marking = Literal["prefix", "suffix", "before", "after", "none"]
AFFIXES = ("plural", "object", "recipient", "place", "past", "negation")
PARTICLES = tuple(f"{use}-word" for use in ("object", "recipient", "place", "past", "negation"))


@dataclass(frozen=True)
class Grammar:
    """One language's habits; `order` is of S(ubject), V(erb), O(bject), R(ecipient), P(lace); `tense` is the past's."""

    order: str
    plural: Marking
    tense: Marking
    negation: Marking
    case: dict[str, Marking] = field(default_factory=dict)
    adjective_first: bool = False
    count_first: bool = True
    plural_after_count: bool = True

    def say(self, meaning: Meaning, lexicon: Lexicon) -> str:
        """The one sentence of this language with that meaning."""
        words = list[str]()
        for letter in self.order:
            if letter == "V":
                words += self._verb(meaning, lexicon)
                continue
            phrase: Phrase | None = getattr(meaning, ROLES[letter])
            if phrase is not None:
                words += self._phrase(phrase, ROLES[letter], lexicon)
        return " ".join(words)

    def _phrase(self, phrase: Phrase, role: str, lexicon: Lexicon) -> list[str]:
        case = self.case.get(role, "none")
        if phrase.noun is None:
            # A name takes no endings: where a noun would have one, it has the particle.
            apart: dict[Marking, Marking] = {"prefix": "before", "suffix": "after"}
            return _marked([lexicon.names[phrase.name or 0]], 0, role, apart.get(case, case), lexicon)
        plural = phrase.plural and (self.plural_after_count or phrase.count is None)
        words = _marked([lexicon.stems[phrase.noun]], 0, "plural", self.plural if plural else "none", lexicon)
        if phrase.adjective:
            adjective = [lexicon.stems[phrase.adjective]]
            words = adjective + words if self.adjective_first else words + adjective
        if phrase.count is not None:
            words = [str(phrase.count), *words] if self.count_first else [*words, str(phrase.count)]
        head = (self.adjective_first and phrase.adjective is not None) + (self.count_first and phrase.count is not None)
        return _marked(words, head, role, case, lexicon)

    def _verb(self, meaning: Meaning, lexicon: Lexicon) -> list[str]:
        tense: Marking = self.tense if meaning.past else "none"
        words = _marked([lexicon.stems[meaning.verb]], 0, "past", tense, lexicon)
        if meaning.negated:
            words = _marked(words, int(tense == "before"), "negation", self.negation, lexicon)
        return words


def _marked(words: list[str], head: int, use: str, marking: Marking, lexicon: Lexicon) -> list[str]:
    """The words with one mark: an affix of the head word, or a particle before or after them all."""
    if marking == "none":
        return words
    if marking in ("before", "after"):
        particle = [lexicon.marks[f"{use}-word"]]
        return particle + words if marking == "before" else words + particle
    affix = lexicon.marks[use]
    form = affix + words[head] if marking == "prefix" else words[head] + affix
    return [*words[:head], form, *words[head + 1 :]]


GRAMMARS = {
    "qam": Grammar(
        "SVORP", plural="suffix", tense="suffix", negation="before", case={"recipient": "before", "place": "before"},
    ),
    "qel": Grammar(
        "PSROV", plural="suffix", tense="after", negation="before", adjective_first=True, plural_after_count=False,
        case={"object": "suffix", "recipient": "after", "place": "after"},
    ),
    "qib": Grammar(
        "VSORP", plural="prefix", tense="before", negation="before",
        case={"recipient": "before", "place": "before"},
    ),
    "qor": Grammar(
        "SPROV", plural="suffix", tense="suffix", negation="after", adjective_first=True,
        case={"recipient": "after", "place": "after"},
    ),
    "qtu": Grammar(
        "VORSP", plural="prefix", tense="after", negation="after", count_first=False,
        case={"object": "after", "recipient": "after", "place": "after"},
    ),
}  # fmt: skip
