"""A planned search as a folder: what any process needs to search a tile of it, and to see that it is the right one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import MANIFEST, atomic_write, sha256_file
from fairseq_xling.neighbours.kernel import SearchConfig
from fairseq_xling.neighbours.tiles import TileSearch
from fairseq_xling.neighbours.tilestate import Tell, TileState
from fairseq_xling.tilegrid import TileGrid
from fairseq_xling.vectors import UnitRows, open_vectors

PLAN = "plan.json"
Sides = tuple[UnitRows, UnitRows]
_SIDES = ("source", "target")
_OURS = re.compile(r"plan\.json|claims|alone|tile-\d+|(?:source|target)-rows\.npy|\..*\.tmp")


@dataclass(frozen=True)
class TilePlan:
    """A search's identity (`key`), its tiles, and the files that it reads."""

    key: str
    grid: TileGrid
    k: int
    precision: str
    sides: Mapping[str, Mapping[str, Any]]

    def state(self, folder: Path, tell: Tell) -> TileState:
        return TileState(folder, self.key, self.grid, self.k, tell=tell)

    def search(self, sides: Sides, threads: int | None) -> TileSearch:
        settings = SearchConfig(k=self.k, precision=self.precision, threads=threads)  # type: ignore[arg-type]
        return TileSearch(*sides, self.grid, settings)


def describe_sides(sides: Sides, hashes: tuple[str, str]) -> dict[str, dict[str, Any]]:
    """Both sides' files with the hash of their content; `rows` says whether only some rows take part."""
    return {
        name: {
            "path": os.path.abspath(side.vectors.path),
            "dim": side.vectors.dim,
            "sha256": content,
            "stamp": _stamp(Path(side.vectors.path)),
            "rows": side.rows is not None,
        }
        for name, side, content in zip(_SIDES, sides, hashes, strict=True)
    }


def write_plan(folder: Path, plan: TilePlan, sides: Sides) -> None:
    """Rows that take part first, the plan last."""
    for name, side in zip(_SIDES, sides, strict=True):
        if side.rows is not None:
            with atomic_write(folder / f"{name}-rows.npy", "wb") as stream:
                np.save(stream, side.rows)
    with atomic_write(folder / PLAN) as stream:
        stream.write(json.dumps(asdict(plan), indent=1) + "\n")


def read_plan(folder: Path) -> TilePlan | None:
    """The plan in a folder; None where there is none, or one that is damaged."""
    try:
        said = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        return TilePlan(**{**said, "grid": TileGrid(**said["grid"])})
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


def existing_plan(folder: Path) -> TilePlan:
    """The plan in a folder where there must be one."""
    plan = read_plan(folder)
    if plan is None:
        raise CorpusError(f"{folder} holds no plan of tiles. Run `tiles plan` first")
    return plan


def refuse_others(folder: Path) -> None:
    """A folder that holds anything but tiles is somebody's, not ours to fill and to remove."""
    strange = sorted(path.name for path in folder.iterdir() if not _OURS.fullmatch(path.name))
    if strange:
        raise CorpusError(
            f"{folder} is in the way: it holds {strange[0]}, which is no tile. Move it, or name another place"
        )


def open_sides(folder: Path, plan: TilePlan) -> Sides:
    """The vectors that were planned for, of which nothing is read yet; others in their place are refused."""
    found = []
    for name in _SIDES:
        said = plan.sides[name]
        path = Path(said["path"])
        vectors = open_vectors(path, said["dim"])
        if _stamp(path) != said["stamp"] and sha256_file(path) != said["sha256"]:
            raise CorpusError(f"{path} is not what it was when the tiles were planned. Run `tiles plan` again")
        rows = np.load(folder / f"{name}-rows.npy") if said["rows"] else None
        found.append(UnitRows(vectors, rows))
    return found[0], found[1]


def _stamp(path: Path) -> list[int]:
    """Size and time of what would change with the content."""
    place = path / MANIFEST if path.is_dir() else path
    if not place.is_file():
        raise ConfigError("tiles on disk are for vectors in files. Leave --workers and --resume out")
    found = place.stat()
    return [found.st_size, found.st_mtime_ns]
