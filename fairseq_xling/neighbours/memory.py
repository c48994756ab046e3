"""What a search in tiles holds in memory, and the tiles that fit into a limit."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from fairseq_xling.errors import ConfigError
from fairseq_xling.tilegrid import TileGrid

PROGRAM = 300_000_000  # Python with PyTorch and numba at work, and what they keep of what was freed
_IMPORTED = 150_000_000  # the same before any work
_THREAD = 32_000_000  # a block of products, and what of it is looked at more closely
_READING = 8 * 2048  # bytes for each coordinate, while rows are read and scaled
_COORDINATE = 12  # bytes for each coordinate of a row: the row, its leading half, its codes; bf16 takes the most
_NEIGHBOUR = 100  # bytes for each neighbour of a row: both tiles' lists, what was known before, and a merge's copies
_LIST = 12  # bytes for each neighbour in the lists of the whole search
_SENTENCE, _CANDIDATE = 300, 80  # bytes while pairs are selected, for each sentence and for each of its neighbours
_LEAST_ROWS = 2048  # of both sides together: smaller tiles cost more time than they save memory
_MOST_ROWS = 2 * 65_536  # a tile of this size takes a minute or so, which is as much as should be lost by a kill
_SHARED_ROWS = 2 * 32_768  # of several workers: some seconds, and no more work in all than a tile for each
_SHARED_COLUMNS = 4
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class Room:
    """What the user grants: memory of all processes together, as `2G`, and processes that share the search."""

    limit: str | None = None
    workers: int = 1


@dataclass(frozen=True)
class Work:
    """A search as far as memory is concerned."""

    sources: int
    targets: int
    dim: int
    k: int
    threads: int = 1
    """Of each worker."""
    workers: int = 1


def parse_bytes(text: str) -> int | None:
    """`2G`, `500M`: K, M, G and T are powers of 1024, as SLURM counts; None for what is no size."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", text)
    return int(float(found[1]) * _UNITS[found[2]]) if found else None


def check_limit(work: Work, limit: str | None, held: int = 0) -> None:
    """Raise ConfigError, with the least limit that would do, where no tiles keep `work` below the limit.

    `held` is what the calling process holds itself.
    """
    given, least = parse_bytes(limit) if limit else None, _least(work, held)
    if given is not None and given < least:
        raise ConfigError(
            f"--memory-limit {limit} is too little for {work.sources} x {work.targets} vectors of length {work.dim} "
            f"and {work.workers} worker{'s' if work.workers > 1 else ''}: give {(least >> 20) + 1}M or more"
        )


def most_rows(work: Work, limit: str | None, held: int = 0) -> int:
    """Rows of both sides together that a tile may have, so that all processes of `work` stay below the limit."""
    given = parse_bytes(limit) if limit else None
    if given is None:
        return _MOST_ROWS
    fitting = (given - _fixed(work, held)) // (work.workers * _row(work))
    return min(_MOST_ROWS, max(_least_rows(work), fitting))


def plan_tiles(work: Work, limit: str | None, held: int = 0) -> TileGrid:
    """Tiles as large as the limit allows; for several workers as many rows for each, of several tiles each.

    So no worker waits long for the last tile of another.
    """
    most = most_rows(work, limit, held)
    if work.workers == 1:
        return TileGrid.of_size(work.sources, work.targets, most)
    grid = TileGrid.of_size(work.sources, work.targets, min(most, _SHARED_ROWS))
    rows, columns = work.workers * -(-grid.rows // work.workers), max(grid.columns, _SHARED_COLUMNS)
    return replace(grid, rows=min(work.sources, rows), columns=min(work.targets, columns))


def _least_rows(work: Work) -> int:
    return min(_LEAST_ROWS, work.sources + work.targets)


def _least(work: Work, held: int) -> int:
    selecting = PROGRAM + held + (work.sources + work.targets) * (_SENTENCE + _CANDIDATE * work.k)
    return max(selecting, _fixed(work, held) + work.workers * _least_rows(work) * _row(work))


def _fixed(work: Work, held: int) -> int:
    """All that does not grow with a tile; the process that is asked is one of the workers."""
    each = PROGRAM + work.threads * _THREAD + work.dim * _READING
    held += (work.sources + work.targets) * work.k * _LIST
    return held + work.workers * each


def _row(work: Work) -> int:
    return _COORDINATE * work.dim + _NEIGHBOUR * work.k


def held_now() -> int:
    """Anonymous memory of this process beyond the imported program: texts that were read, arrays."""
    status = Path("/proc/self/status")
    found = re.search(r"^RssAnon:\s+(\d+) kB", status.read_text(), re.MULTILINE) if status.is_file() else None
    return max(0, 1024 * int(found[1]) - _IMPORTED) if found else 0
