"""The sounds and words of the invented languages: drawn from a seed, a part of them shared inside a family."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fairseq_xling.demo.meanings import CONCEPTS, NAMES

SHARED = 0.3
# Georgian letters in the order of their Latin companions: the same sounds in a script that shares no character.
LATIN, GEORGIAN = "abdefghijklmnoprstuvz", "აბდეფგჰიჟკლმნოპრსტუვზ"
TRANSLITERATION = str.maketrans(LATIN, GEORGIAN)


@dataclass(frozen=True)
class Sounds:
    """What syllables are made of; `closed` is the share of syllables that end in one of `codas`."""

    onsets: str
    vowels: str
    codas: str
    closed: float

    def syllable(self, draw: random.Random) -> str:
        coda = draw.choice(self.codas) if draw.random() < self.closed else ""
        return draw.choice(self.onsets) + draw.choice(self.vowels) + coda

    def stem(self, draw: random.Random) -> str:
        return self.syllable(draw) + self.syllable(draw)


# A family has its sounds, and each of its languages others of its own.
FAMILIES = {
    "northern": Sounds("ptkslmn", "aeio", "nrs", 0.4),
    "southern": Sounds("bdgvzrmj", "aou", "lmz", 0.3),
}
LANGUAGES = {
    "qam": ("northern", Sounds("ptkslmnf", "aeio", "nrs", 0.5)),
    "qel": ("northern", Sounds("pkhlrnv", "eiou", "lnt", 0.3)),
    "qib": ("northern", Sounds("tksmfjr", "aeiu", "skm", 0.4)),
    "qor": ("southern", Sounds("bdgvzrl", "aou", "lmz", 0.3)),
    "qtu": ("southern", Sounds("bdgjnmh", "aoue", "rnb", 0.2)),
}
OWN_SCRIPT = ("qor",)


@dataclass(frozen=True)
class Lexicon:
    """A language's stem for every concept, its affixes and particles by their use, and its spelling of the names."""

    stems: dict[str, str]
    marks: dict[str, str]
    names: tuple[str, ...]

    def transliterated(self) -> Lexicon:
        """The same words in Georgian letters, but for four names in five, which keep their Latin ones."""
        return Lexicon(
            {concept: stem.translate(TRANSLITERATION) for concept, stem in self.stems.items()},
            {use: mark.translate(TRANSLITERATION) for use, mark in self.marks.items()},
            tuple(n.lower().translate(TRANSLITERATION) if i % 5 == 4 else n for i, n in enumerate(self.names)),
        )


def lexicons(seed: int, affixes: Iterable[str], particles: Iterable[str]) -> dict[str, Lexicon]:
    """All languages' words; in a family, SHARED of the concepts have one stem in all of its languages."""
    names = _names(seed)
    shared = {family: _shared_stems(seed, family) for family in FAMILIES}
    found = {}
    for code, (family, sounds) in LANGUAGES.items():
        draw = random.Random(f"{seed} words of {code}")
        own = [concept for concept in CONCEPTS if concept not in shared[family]]
        stems = shared[family] | _stems(draw, sounds, own, list(shared[family].values()))
        marks = _marks(draw, sounds, affixes, particles)
        lexicon = Lexicon({concept: stems[concept] for concept in CONCEPTS}, marks, names)
        found[code] = lexicon.transliterated() if code in OWN_SCRIPT else lexicon
    return found


def _shared_stems(seed: int, family: str) -> dict[str, str]:
    draw = random.Random(f"{seed} words of the {family} family")
    concepts = sorted(draw.sample(CONCEPTS, round(SHARED * len(CONCEPTS))))
    return _stems(draw, FAMILIES[family], concepts, [])


def _stems(draw: random.Random, sounds: Sounds, concepts: Iterable[str], taken: list[str]) -> dict[str, str]:
    return {concept: _fresh(lambda: sounds.stem(draw), taken) for concept in concepts}


def _marks(draw: random.Random, sounds: Sounds, affixes: Iterable[str], particles: Iterable[str]) -> dict[str, str]:
    endings, words = list[str](), list[str]()
    marks = {use: _fresh(lambda: draw.choice(sounds.vowels) + draw.choice(sounds.onsets), endings) for use in affixes}
    return marks | {use: _fresh(lambda: sounds.syllable(draw), words) for use in particles}


def _names(seed: int) -> tuple[str, ...]:
    draw, taken = random.Random(f"{seed} names"), list[str]()
    sounds = Sounds("bdfklmnprstv", "aeiou", "nrls", 0.4)
    return tuple(_fresh(lambda: sounds.stem(draw).capitalize(), taken) for _ in range(NAMES))


def _fresh(make: Callable[[], str], taken: list[str]) -> str:
    """A form that neither begins nor ends with one in `taken`, nor the other way round; it is added there.

    Affixes then never make one word look like another.
    """
    for _ in range(10_000):
        form = make()
        if not any(a.startswith(b) or a.endswith(b) for old in taken for a, b in ((form, old), (old, form))):
            taken.append(form)
            return form
    raise RuntimeError(f"there are not enough sounds for {len(taken) + 1} different forms")
