"""A world to demonstrate on: text in five invented languages that only partly says the same, with gold to score by."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from fairseq_xling.configs import at_least, checked, option
from fairseq_xling.demo.grammar import AFFIXES, GRAMMARS, PARTICLES
from fairseq_xling.demo.lexicon import lexicons
from fairseq_xling.demo.meanings import meanings
from fairseq_xling.files import atomic_write

# Codes that ISO 639 leaves to private use.
CODES = tuple(GRAMMARS)


@dataclass(frozen=True)
class WorldConfig:
    """How much is said in the invented world; a language's words, too, are drawn from the seed."""

    seed: int = option(1, "decides words, meanings and who says what")
    sentences: int = option(8000, "sentences of each language's monolingual text")
    meanings: int = option(21333, "meanings these are drawn from, for each language anew")
    dev: int = option(100, "meanings held out as development set, said in every language")
    test: int = option(250, "meanings held out as test set, said in every language")

    @classmethod
    def quick(cls, seed: int = 1) -> WorldConfig:
        """A tenth of the text: enough to see every stage run, too little to learn from."""
        return cls(seed=seed, sentences=800, meanings=2133, dev=20, test=40)

    def faults(self) -> Iterator[str]:
        for name in ("sentences", "dev", "test"):
            yield from at_least(name, getattr(self, name), 1)
        yield from at_least("meanings", self.meanings, self.sentences)


def write_world(folder: Path, world: WorldConfig) -> None:
    """Write mono.xx, mono.xx.ids, dev.xx and test.xx of every language xx.

    Each language says `sentences` of the `meanings`, drawn without replacement and independently of the others, so
    that two languages have about sentences² / meanings in common (3 000 of 8 000). Line i of mono.xx says the meaning
    whose number is line i of mono.xx.ids. Meanings of dev and test are said in no mono file; their line i says the same
    in every language.
    """
    checked(world, "the demo's world")
    folder.mkdir(parents=True, exist_ok=True)
    everything = meanings(random.Random(f"{world.seed} meanings"))
    pool = list(islice(everything, world.meanings))
    held_out = {"dev": list(islice(everything, world.dev)), "test": list(islice(everything, world.test))}
    words = lexicons(world.seed, AFFIXES, PARTICLES)
    for code, grammar in GRAMMARS.items():
        numbers = random.Random(f"{world.seed} text of {code}").sample(range(world.meanings), world.sentences)
        _write_lines(folder / f"mono.{code}", (grammar.say(pool[number], words[code]) for number in numbers))
        _write_lines(folder / f"mono.{code}.ids", map(str, numbers))
        for split, chosen in held_out.items():
            _write_lines(folder / f"{split}.{code}", (grammar.say(meaning, words[code]) for meaning in chosen))


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with atomic_write(path) as stream:
        stream.writelines(f"{line}\n" for line in lines)
