"""Three invented languages that say the same in different words and orders: text to pretrain on, pairs, a test set."""

from __future__ import annotations

import random
import sys
from itertools import permutations, product
from pathlib import Path

# Language: its sounds, and the order in which it says subject, verb, object and place.
LANGUAGES = {"aa": ("ptk", "aiu", "svop"), "bb": ("bdg", "aeo", "spov"), "cc": ("mnl", "eiu", "vsop")}
ROLES = {"s": 9, "v": 7, "o": 9, "p": 5}
PAIRS = ("aa-bb", "aa-cc", "bb-cc")
MONOLINGUAL, TRAINED, VALIDATED, TESTED = 2000, 60, 40, 200


def words(language: str) -> dict[str, list[str]]:
    """Subjects and objects are the same nouns; every word has three syllables of the language's own."""
    consonants, vowels, _ = LANGUAGES[language]
    syllables = ["".join(pair) for pair in product(consonants, vowels)]
    found = ["".join(word) for word in permutations(syllables, 3)]
    random.Random(language).shuffle(found)
    taken = iter(found)
    lexicon = {role: [next(taken) for _ in range(count)] for role, count in ROLES.items()}
    return lexicon | {"o": lexicon["s"]}


def said(meaning: dict[str, int | None], language: str) -> str:
    """The one sentence with a meaning."""
    lexicon = words(language)
    return " ".join(lexicon[role][meaning[role]] for role in LANGUAGES[language][2] if meaning[role] is not None)


def main(folder: Path) -> None:
    draw = random.Random(1)
    (folder / "pairs").mkdir(parents=True, exist_ok=True)
    meanings = [dict(zip(ROLES, m, strict=True)) for m in product(range(9), range(7), range(9), [None, *range(5)])]
    draw.shuffle(meanings)
    test, valid, rest = meanings[:TESTED], meanings[TESTED:][:VALIDATED], meanings[TESTED + VALIDATED :]

    def write(name: str, language: str, chosen: list[dict[str, int | None]]) -> None:
        (folder / name).write_text("".join(said(m, language) + "\n" for m in chosen), encoding="utf-8")

    for language in LANGUAGES:
        write(f"mono.{language}", language, draw.sample(rest, MONOLINGUAL))
    for pair in PAIRS:
        train = draw.sample(rest, TRAINED)
        for language in pair.split("-"):
            for split, chosen in (("train", train), ("valid", valid), ("test", test)):
                write(f"pairs/{split}.{pair}.{language}", language, chosen)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
