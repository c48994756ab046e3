"""Invented test sets in the public formats: make_sets.py FOLDER [SEED]

Three sister languages say the same 400 things (aaa_Latn.devtest and so on, like FLORES), the third is far from the
other two. From these: Tatoeba pairs, a BUCC task with its gold, made-up sentences with LASER's JSON for xSIM++, two
systems' translations, and the vectors of five "layers", of which the middle one knows translations best.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

ONSETS = ["b", "br", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "st", "t", "v"]
VOWELS = ["a", "e", "i", "o", "u"]
CHANGES = {"bbb": [("c", "ch"), ("e", "ie"), ("v", "b")], "ccc": [("st", "sc"), ("o", "ue"), ("b", "p"), ("a", "e")]}
KEPT = {"bbb": 0.7, "ccc": 0.25}  # share of the words that grew from the same root
NAMES = ["Rossi", "Bianchi", "Verdi", "Conti", "Marino"]
SENTENCES, LAYERS = 400, 5


def main(folder: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours = words(rng, 500)
    words_of = {"aaa": ours} | {code: sister(rng, ours, code) for code in KEPT}
    thoughts = [rng.integers(0, len(ours), rng.integers(5, 11)) for _ in range(SENTENCES)]
    # One thought in four has a name in it, which is the same in every language.
    names = [f" {rng.choice(NAMES)}" if rng.random() < 0.25 else "" for _ in thoughts]
    texts = {
        code: [" ".join(known[i] for i in thought) + name for thought, name in zip(thoughts, names, strict=True)]
        for code, known in words_of.items()
    }
    for code, lines in texts.items():
        write(folder / "flores" / "devtest" / f"{code}_Latn.devtest", lines)
    for code in KEPT:
        for side in (code, "aaa"):
            write(folder / "tatoeba" / f"tatoeba.{code}-aaa.{side}", texts[side])
    write_bucc(folder / "bucc", rng, texts["bbb"], texts["aaa"])
    write_augmented(folder / "flores" / "devtest_augmented", rng, texts["aaa"], ours)
    for name, wrong in (("good", 0.15), ("poor", 0.3)):
        write(folder / f"{name}.aaa", [noisy(rng, line, ours, wrong) for line in texts["aaa"]])
    write_layers(folder / "layers", rng)


def words(rng: np.random.Generator, count: int) -> list[str]:
    found = dict[str, None]()
    while len(found) < count:
        found["".join(rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(rng.integers(2, 4)))] = None
    return list(found)


def sister(rng: np.random.Generator, ours: list[str], code: str) -> list[str]:
    strangers = words(rng, len(ours))
    theirs = []
    for word, stranger in zip(ours, strangers, strict=True):
        for old, new in CHANGES[code]:
            word = word.replace(old, new, 1)
        theirs.append(word if rng.random() < KEPT[code] else stranger + "s")
    return theirs


def noisy(rng: np.random.Generator, line: str, ours: list[str], wrong: float) -> str:
    return " ".join(str(rng.choice(ours)) if rng.random() < wrong else word for word in line.split())


def write_bucc(folder: Path, rng: np.random.Generator, source: list[str], target: list[str]) -> None:
    """Two splits, each with half the thoughts; three of four are on each side, in another order."""
    for split, half in (("train", slice(0, SENTENCES // 2)), ("test", slice(SENTENCES // 2, None))):
        sides = {}
        for code, lines in (("bbb", source[half]), ("aaa", target[half])):
            kept = rng.permutation(len(lines))[: 3 * len(lines) // 4]
            sides[code] = {int(thought): f"{code}-{number:06d}" for number, thought in enumerate(kept)}
            write(folder / f"{split}.{code}", [f"{name}\t{lines[thought]}" for thought, name in sides[code].items()])
            write(folder / f"{split}.{code}.txt", [lines[thought] for thought in sides[code]])
        shared = sorted(sides["bbb"].keys() & sides["aaa"].keys())
        write(folder / f"{split}.gold", [f"{sides['bbb'][thought]}\t{sides['aaa'][thought]}" for thought in shared])


def write_augmented(folder: Path, rng: np.random.Generator, lines: list[str], ours: list[str]) -> None:
    """For each line one with another word in it and, where it has a name, one with another name."""
    changes = {}
    for line in lines:
        parts = line.split()
        place = int(rng.integers(len(parts) - 1))
        changed = [*parts[:place], str(rng.choice(ours)), *parts[place + 1 :]]
        changes[" ".join(changed)] = {"src": line, "errtype": "Word"}
        if parts[-1] in NAMES:
            other = str(rng.choice([name for name in NAMES if name != parts[-1]]))
            changes[" ".join([*parts[:-1], other])] = {"src": line, "errtype": "Entity"}
    made_up = {sentence: change for sentence, change in changes.items() if sentence != change["src"]}
    write(folder / "aaa_Latn_augmented.devtest", list(made_up))
    (folder / "aaa_Latn_errtype.devtest.json").write_text(json.dumps(made_up), encoding="utf-8")


def write_layers(folder: Path, rng: np.random.Generator) -> None:
    """Layer n of both sides, as `encode --layer n` would leave them: DIR/n/source.npy and DIR/n/target.npy."""
    meanings = rng.standard_normal((SENTENCES, 64), np.float32)
    for layer in range(LAYERS):
        (folder / str(layer)).mkdir(parents=True, exist_ok=True)
        noise = np.float32(1.0 + 0.45 * abs(layer - LAYERS // 2))
        for side in ("source", "target"):
            vectors = meanings + noise * rng.standard_normal(meanings.shape, np.float32)
            np.save(folder / str(layer) / f"{side}.npy", vectors)


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(f"usage: {(__doc__ or '').splitlines()[0].partition(': ')[2]}")
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
