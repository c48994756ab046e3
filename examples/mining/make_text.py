"""Two invented sister languages: make_text.py FOLDER [SENTENCES] [SEED]

Writes a.txt and b.txt (monolingual, shuffled, only partly translations of each other) and a.ids, b.ids: the number of
the thought behind each line; equal numbers are translations. The ids are for judging what was mined, not for mining.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ONSETS = ["b", "br", "c", "d", "dr", "f", "g", "gr", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "tr", "v"]
VOWELS = ["a", "e", "i", "o", "u"]
# The sister's sound changes, applied in this order, and the endings of her nouns, verbs and small words.
CHANGES = [("ga", "ja"), ("ca", "cha"), ("e", "ie"), ("o", "ue"), ("st", "sc"), ("v", "b")]
SHARED = 0.65  # of the words grew from the same root; the others are unrelated


def words(rng: np.random.Generator, count: int) -> list[str]:
    found = dict[str, None]()
    while len(found) < count:
        syllables = rng.integers(2, 4)
        found["".join(rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(syllables))] = None
    return list(found)


def sister(word: str) -> str:
    for old, new in CHANGES:
        word = word.replace(old, new, 1)
    return word


def main(folder: Path, sentences: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours = words(rng, 900)
    strangers = iter(words(rng, 900))
    theirs = {word: sister(word) if rng.random() < SHARED else next(strangers) + "s" for word in ours}
    frequency = 1 / (np.arange(len(ours)) + 8)
    frequency /= frequency.sum()
    thoughts = [rng.choice(len(ours), size=rng.integers(5, 14), p=frequency) for _ in range(sentences)]
    folder.mkdir(parents=True, exist_ok=True)
    for name, share in (("a", 0.7), ("b", 0.7)):
        kept = np.flatnonzero(rng.random(sentences) < share)
        rng.shuffle(kept)
        lines = []
        for thought in kept:
            line = [ours[i] for i in thoughts[thought]]
            if name == "b":  # the verb, her third word, comes last
                line = [theirs[word] for word in line[:2] + line[3:] + line[2:3]]
            if rng.random() < 0.2:
                line.append(str(1200 + thought % 800))
            lines.append(" ".join(line))
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / f"{name}.ids").write_text("\n".join(map(str, kept)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[2:]]
    main(Path(sys.argv[1]), *(given + [4000, 1][len(given) :]))
