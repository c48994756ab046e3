"""How each invented language puts a meaning into words: word order, number, case, tense, negation, agreement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fairseq_xling.demo.lexicon import Lexicon
from fairseq_xling.demo.meanings import Meaning, Phrase

ROLES = {"S": "subject", "O": "object", "R": "recipient", "P": "place"}
# An affix of the head word, or a word of its own before or after the phrase.
Marking = Literal["prefix", "suffix", "before", "after", "none"]
AFFIXES = (
    *("singular", "plural", "subject", "object", "recipient", "place"),
    *("present", "past", "future", "agreement", "negation"),
)
PARTICLES = tuple(
    f"{use}-word" for use in ("subject", "object", "recipient", "place", "present", "past", "future", "negation")
)


@dataclass(frozen=True)
class Grammar:
    """One language's habits; `order` is of S(ubject), V(erb), O(bject), R(ecipient) and P(lace)."""

    order: str
    plural: Marking
    tense: Marking
    negation: Marking
    case: dict[str, Marking] = field(default_factory=dict)
    singular: Marking = "none"
    present: Marking = "none"
    adjective_first: bool = False
    count_first: bool = True
    adjective_agrees: bool = False
    verb_agrees: bool = False
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
        number, marking = ("plural", self.plural) if plural else ("singular", self.singular)
        words = _marked([lexicon.stems[phrase.noun]], 0, number, marking, lexicon)
        if phrase.adjective:
            adjective = [lexicon.stems[phrase.adjective]]
            if self.adjective_agrees:
                adjective = _marked(adjective, 0, number, marking, lexicon)
            words = adjective + words if self.adjective_first else words + adjective
        if phrase.count is not None:
            words = [str(phrase.count), *words] if self.count_first else [*words, str(phrase.count)]
        head = (self.adjective_first and phrase.adjective is not None) + (self.count_first and phrase.count is not None)
        return _marked(words, head, role, case, lexicon)

    def _verb(self, meaning: Meaning, lexicon: Lexicon) -> list[str]:
        words, head = [lexicon.stems[meaning.verb]], 0
        if self.verb_agrees and meaning.subject.plural:
            words = _marked(words, head, "agreement", "suffix", lexicon)
        tense = self.present if meaning.tense == "present" else self.tense
        words = _marked(words, head, meaning.tense, tense, lexicon)
        head = int(tense == "before")
        if meaning.negated:
            words = _marked(words, head, "negation", self.negation, lexicon)
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
        "SVORP", plural="suffix", tense="suffix", negation="before", verb_agrees=True,
        case={"recipient": "before", "place": "before"},
    ),
    "qel": Grammar(
        "PSROV", plural="suffix", tense="suffix", present="suffix", negation="before", adjective_first=True,
        plural_after_count=False,
        case={"subject": "suffix", "object": "suffix", "recipient": "suffix", "place": "suffix"},
    ),
    "qib": Grammar(
        "VSORP", plural="prefix", singular="prefix", tense="before", negation="before", adjective_agrees=True,
        case={"recipient": "before", "place": "before"},
    ),
    "qor": Grammar(
        "SPROV", plural="suffix", tense="suffix", negation="suffix", adjective_first=True, verb_agrees=True,
        case={"object": "suffix", "recipient": "suffix", "place": "suffix"},
    ),
    "qtu": Grammar(
        "VORSP", plural="prefix", tense="prefix", negation="after", count_first=False,
        case={"object": "after", "recipient": "after", "place": "after"},
    ),
}  # fmt: skip
