"""Mine with small tiles, be killed at a random moment, go on; what each attempt found and repeated is told."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from conftest import cli_environment

# The command with tiles of 100 rows, whatever the memory, and a processor that takes some time for each.
SMALL_TILES = """
import os, signal, sys, time
from fairseq_xling.cli.main import main
from fairseq_xling.neighbours import memory, tiles, tilestate
memory._MOST_ROWS = memory._LEAST_ROWS = 200
search, writing = tiles.TileSearch.tile, tilestate.atomic_write
def slowly(*arguments):
    time.sleep(0.02)
    return search(*arguments)
tiles.TileSearch.tile = slowly
killed_at = int(sys.argv[1])
class Killing:
    def __init__(self, path, mode):
        self.inner = writing(path, mode)
    def __enter__(self):
        global killed_at
        killed_at -= 1
        self.stream = self.inner.__enter__()
        return self
    def write(self, content):
        if killed_at == 0:  # half of the tile is on disk, under its temporary name
            self.stream.write(content[: len(content) // 2])
            self.stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        self.stream.write(content)
    def __exit__(self, *fault):
        return self.inner.__exit__(*fault)
tilestate.atomic_write = Killing
sys.exit(main(sys.argv[2:]))
"""
NEVER = "0"


@dataclass
class Story:
    """What happened: kills, how many tiles there were after each, and how many finished ones were made again."""

    kills: int = 0
    tiles: list[int] = field(default_factory=list)
    repeated: int = 0
    leftovers: int = 0


def write_sides(folder: Path, rows: int) -> None:
    generator = np.random.default_rng(5)
    x = generator.standard_normal((rows, 24)).astype(np.float32) + 1
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", x[::-1] + 0.3 * generator.standard_normal(x.shape).astype(np.float32))


def mine_through_kills(folder: Path, kills: int, inside: int, seed: int) -> Story:
    """Kill `kills` times at random moments, once more within the `inside`-th save, and let the last attempt end."""
    story, draw, known = Story(), random.Random(seed), dict[str, int]()
    for attempt in range(kills + 2):
        at = str(inside) if attempt == 1 else NEVER
        words = ["mine", "--source", "x.npy", "--target", "y.npy", "--output", "killed.tsv", "--resume"]
        with subprocess.Popen(
            [sys.executable, "-c", SMALL_TILES, at, *words], cwd=folder, env=cli_environment(),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            if attempt not in (1, kills + 1):
                while len(finished(folder)) < len(known) + 2 and process.poll() is None:
                    time.sleep(0.005)
                time.sleep(draw.uniform(0, 0.2))
                process.kill()
            _, said = process.communicate()
        if attempt == kills + 1:
            assert process.returncode == 0, said
            assert f"{len(known)} of " in said
            break
        assert process.returncode == -9, said
        there = finished(folder)
        story.kills += 1
        story.tiles.append(len(there))
        story.repeated += sum(there.get(name) != made for name, made in known.items())
        story.leftovers += len(list((folder / "killed.tiles").glob(".tile-*.tmp")))
        known = there
    return story


def finished(folder: Path) -> dict[str, int]:
    """Finished tiles and when each was made."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "killed.tiles").glob("tile-*")}
