"""A planned search as a folder: what any process needs to search a tile of it, and to see that it is the right one."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import MANIFEST, atomic_write, read_manifest, sha256_file
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
            "rows": None if side.rows is None else sha256_rows(side.rows),
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
    """A folder that holds anything but tiles, or lies elsewhere, is somebody's, not ours to fill and to remove."""
    if folder.is_symlink():
        raise CorpusError(f"{folder} is in the way: it is a link. Remove it, or name another place")
    there = folder.iterdir() if folder.exists() else ()
    strange = sorted(path.name for path in there if not _OURS.fullmatch(path.name))
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
        if _stamp(path) != said["stamp"] and not _same(path, said["sha256"]):
            raise CorpusError(f"{path} is not what it was when the tiles were planned. Run `tiles plan` again")
        found.append(UnitRows(vectors, _planned_rows(folder / f"{name}-rows.npy", said["rows"])))
    return found[0], found[1]


def sha256_rows(rows: npt.NDArray[np.int64]) -> str:
    return hashlib.sha256(rows.tobytes()).hexdigest()


def _planned_rows(path: Path, planned: str | None) -> npt.NDArray[np.int64] | None:
    """The rows that take part; None: all."""
    if planned is None:
        return None
    try:
        rows: npt.NDArray[np.int64] = np.load(path)
    except (OSError, ValueError, EOFError):
        rows = np.empty(0, np.int64)
    if sha256_rows(rows) != planned:
        raise CorpusError(f"{path} is not what was planned. Run `tiles plan` again")
    return rows


def _stamp(path: Path) -> list[int]:
    """Sizes and times of what would change with the content."""
    places = [path / MANIFEST, *sorted(path.glob("*.npy"))] if path.is_dir() else [path]
    if not places[0].is_file():
        raise ConfigError("tiles on disk are for vectors in files. Leave --workers and --resume out")
    return [number for place in places for number in (place.stat().st_size, place.stat().st_mtime_ns)]


def _same(path: Path, content: str) -> bool:
    """Whether the files hold what they did; a folder's manifest says what its shards are to hold."""
    if sha256_file(path) != content:
        return False
    if not path.is_dir():
        return True
    return all(sha256_file(path / name) == said for name, said in read_manifest(path / MANIFEST).outputs.items())
