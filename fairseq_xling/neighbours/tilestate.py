"""Finished tiles as files: each appears whole, says what it is of, and is not believed when it is damaged.

A folder is shared by processes, on one machine or on several: one claims a tile by a lock of the file system, which
ends with the process, so that nobody waits for the dead.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import atomic_write
from fairseq_xling.neighbours.kernel import Neighbours, SearchReport
from fairseq_xling.neighbours.lists import TopLists
from fairseq_xling.neighbours.tiles import Tile
from fairseq_xling.tilegrid import TileGrid

_FORMAT = 1
_CLAIMS, _ALONE = "claims", "alone"
Tell = Callable[[str], None]


class TileState:
    """The tiles of one search in one folder; other folders may hold some of them too.

    `key` is the identity of the search: the content of both sides, and what else decides the neighbours. Where
    `searching` is set to False, as for a merge, all files stay as they are.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        grid: TileGrid,
        k: int,
        others: Sequence[Path] = (),
        tell: Tell = lambda said: None,
    ) -> None:
        self.folder, self.grid, self.k, self.tell, self.searching = folder, grid, k, tell, True
        self._folders = (folder, *others)
        # Neither times nor processors: the same tile, searched anywhere, is the same file.
        self._said = {"format": _FORMAT, "search": key, "grid": asdict(grid), "k": k}
        self._claims: int | None = None

    # ---- files

    def place(self, number: int) -> Path | None:
        """The file of a finished tile; None where there is none yet."""
        paths = (folder / _name(number) for folder in self._folders)
        return next((path for path in paths if path.is_file()), None)

    def missing(self) -> list[int]:
        """Tiles without a file."""
        return [number for number in range(len(self.grid)) if self.place(number) is None]

    def save(self, number: int, tile: Tile) -> None:
        """Write a finished tile, at once or not at all."""
        arrays = [tile.rows.cosines, tile.rows.ids, tile.columns.cosines, tile.columns.ids]
        body = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
        said = {**self._said, "tile": number, "sha256": hashlib.sha256(body).hexdigest()}
        with atomic_write(self.folder / _name(number), "wb") as stream:
            stream.write(json.dumps(said).encode() + b"\n" + body)

    def read(self, number: int) -> Tile | None:
        """A finished tile. One that is damaged is said and, where it is searched again, removed, and so not there."""
        path = self.place(number)
        try:
            return self._parsed(number, path) if path else None
        except FileNotFoundError:
            return None
        except ValueError as fault:
            self.tell(f"{path} is {fault}: tile {number} must be searched again")
            if path and path.parent == self.folder and self.searching:
                path.unlink(missing_ok=True)
            return None

    def _parsed(self, number: int, path: Path) -> Tile:
        head, _, body = path.read_bytes().partition(b"\n")
        try:
            said = json.loads(head)
            digest = said.pop("sha256")
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise ValueError("damaged") from fault
        if said != {**self._said, "tile": number}:
            raise CorpusError(f"{path} is of another search (other vectors, or another k). Name another folder")
        if hashlib.sha256(body).hexdigest() != digest:
            raise ValueError("damaged")
        rows, columns = self.grid.tile(number)
        lists, view = list[TopLists](), memoryview(body)
        for count, width in zip((len(rows), len(columns)), self._widths, strict=True):
            cut = 4 * count * width
            cosines = np.frombuffer(view[:cut], np.float32).reshape(count, width)
            ids = np.frombuffer(view[cut : 3 * cut], np.int64).reshape(count, width)
            lists.append(TopLists(cosines, ids))
            view = view[3 * cut :]
        return Tile(lists[0], lists[1], SearchReport(0.0))

    @property
    def _widths(self) -> tuple[int, int]:
        return min(self.k, self.grid.targets), min(self.k, self.grid.sources)

    def _empty(self, rows: range, columns: range) -> tuple[TopLists, TopLists]:
        return TopLists.empty(len(rows), self._widths[0]), TopLists.empty(len(columns), self._widths[1])

    # ---- lists

    def known(self, number: int) -> tuple[TopLists, TopLists]:
        """What finished tiles beside this one have found for its sources and for its targets."""
        lists = self._empty(*self.grid.tile(number))
        for other in self.grid.beside(number):
            tile = self.read(other)
            if tile is not None:
                in_row = other // self.grid.columns == number // self.grid.columns
                if in_row:
                    lists[0].merge(tile.rows)
                else:
                    lists[1].merge(tile.columns)
        return lists

    def merged(self, report: SearchReport) -> Neighbours | None:
        """The neighbours of the whole search; None where a tile turns out to be missing."""
        lists = self._empty(range(self.grid.sources), range(self.grid.targets))
        for number in range(len(self.grid)):
            tile = self.read(number)
            if tile is None:
                return None
            rows, columns = self.grid.tile(number)
            lists[0].merge(tile.rows, rows.start)
            lists[1].merge(tile.columns, columns.start)
        return Neighbours(lists[0].ids, lists[0].cosines, lists[1].ids, lists[1].cosines, report)

    # ---- claims

    def claim(self, number: int, wait: bool = False) -> bool:
        """Take a tile for this process, until `release` or its end; False where another process has it."""
        if self._claims is None:
            self._claims = os.open(self.folder / _CLAIMS, os.O_RDWR | os.O_CREAT, 0o666)
        return _locked(self._claims, number, wait)

    def release(self, number: int) -> None:
        if self._claims is not None:
            fcntl.lockf(self._claims, fcntl.LOCK_UN, 1, number)

    def claim_row(self, row: int) -> bool:
        """Say that this process works in a row of tiles, until `release_row`; the tiles themselves stay free."""
        return self.claim(len(self.grid) + row)

    def release_row(self, row: int) -> None:
        self.release(len(self.grid) + row)


_OURS = set[str]()  # folders that this process is alone in: closing any file of one would end its lock


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Refuse to work beside another command that plans, or merges and then removes, in the same folder."""
    place = os.path.realpath(folder)
    if place in _OURS:
        yield
        return
    file = os.open(folder / _ALONE, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _locked(file, 0, wait=False):
            raise CorpusError(f"another process works in {folder}. Wait for its end, or name another place")
        _OURS.add(place)
        yield
    finally:
        _OURS.discard(place)
        os.close(file)


def _locked(file: int, place: int, wait: bool) -> bool:
    """Lock one byte of a file for this process; such locks are kept by network file systems, too."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, place)
    except (BlockingIOError, PermissionError):  # systems differ in what they say
        return False
    return True


def _name(number: int) -> str:
    return f"tile-{number:05d}"


def grid_of(folders: Sequence[Path]) -> TileGrid:
    """How the search was cut whose tiles these folders hold."""
    for folder in folders:
        for path in sorted(folder.glob("tile-*")):
            try:
                with open(path, "rb") as stream:
                    return TileGrid(**json.loads(stream.readline())["grid"])
            except (ValueError, KeyError, TypeError):
                continue
    raise CorpusError(f"{', '.join(map(str, folders))}: no finished tile is there. Run `tiles run` first")
