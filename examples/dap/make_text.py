"""Sentence pairs and text of three of the demo's invented languages: FOLDER/pairs, FOLDER/mono.xx, FOLDER/test.xx."""

from __future__ import annotations

import sys
from pathlib import Path

from fairseq_xling.demo.world import WorldConfig, write_world
from fairseq_xling.files import read_lines

# qam stands where English does: it is the target of every pair.
PAIRS = (("qel", "qam"), ("qtu", "qam"))
TRAINED = 2000


def main(folder: Path) -> None:
    world = folder / "world"
    write_world(world, WorldConfig())
    (folder / "pairs").mkdir(parents=True, exist_ok=True)
    codes = sorted({code for pair in PAIRS for code in pair})
    place = {}
    for code in codes:
        (folder / f"mono.{code}").write_bytes((world / f"mono.{code}").read_bytes())
        (folder / f"test.{code}").write_bytes((world / f"test.{code}").read_bytes())
        place[code] = {number: row for row, number in enumerate(read_lines(str(world / f"mono.{code}.ids")))}
    for pair in PAIRS:
        shared = [number for number in place[pair[0]] if number in place[pair[1]]][:TRAINED]
        for code in pair:
            lines = read_lines(str(world / f"mono.{code}"))
            name = f"{'-'.join(pair)}.{code}"
            chosen = [lines[place[code][number]] for number in shared]
            for split, said in (("train", chosen), ("valid", read_lines(str(world / f"dev.{code}")))):
                (folder / "pairs" / f"{split}.{name}").write_text("".join(f"{s}\n" for s in said), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
