"""A small search that is planned and not begun."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fairseq_xling.files import sha256_file
from fairseq_xling.neighbours.kernel import SearchConfig
from fairseq_xling.neighbours.outofcore import TiledSearch, Tiling
from fairseq_xling.neighbours.tileplan import TilePlan
from fairseq_xling.vectors import UnitRows, open_vectors


def six_tiles(folder: Path) -> TilePlan:
    """Vectors in `folder`, their tiles planned in its folder T."""
    rows = np.random.default_rng(0).random((60, 6), np.float32)
    np.save(folder / "x.npy", rows)
    np.save(folder / "y.npy", rows[::-1])
    source, target = (UnitRows(open_vectors(folder / f"{name}.npy")) for name in "xy")
    hashes = sha256_file(folder / "x.npy"), sha256_file(folder / "y.npy")
    return TiledSearch(source, target, SearchConfig()).plan(Tiling(folder / "T", hashes), 6)
