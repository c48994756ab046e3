"""A search that outgrows memory, or is to survive a kill: planned, searched in tiles by any number of processes."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import sha256_json
from fairseq_xling.neighbours.fellows import Fellows
from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig, SearchReport
from fairseq_xling.neighbours.memory import Room, Work, held_now, most_rows, plan_tiles
from fairseq_xling.neighbours.threads import default_threads, torch_threads
from fairseq_xling.neighbours.tileplan import (
    Sides,
    TilePlan,
    describe_sides,
    existing_plan,
    open_sides,
    read_plan,
    refuse_others,
    sha256_rows,
    write_plan,
)  # fmt: skip
from fairseq_xling.neighbours.tiles import Rows, TileSearch, joined, search_tiles
from fairseq_xling.neighbours.tilestate import Tell, TileState, alone_in, grid_of
from fairseq_xling.tilegrid import TileGrid
from fairseq_xling.vectors import UnitRows

Progress = Callable[[int], None]
_TOLERANCE = 1.1  # a command that is given again holds a little more or less memory than it did


@dataclass(frozen=True)
class Tiling:
    """Where tiles are kept, and of what: `hashes` are of the content of source and target."""

    folder: Path
    hashes: tuple[str, str]
    resume: bool = False
    """Go on with the tiles of an interrupted run; without it they are refused, not thrown away."""
    finished: tuple[Path, ...] = ()
    """Folders that hold all tiles already: nothing is searched."""
    tell: Tell = lambda said: None
    fellows: Fellows | None = None
    """The other workers, if they are begun already."""


@dataclass(frozen=True)
class TiledSearch:
    """A search of unit rows [n, d] and [m, d] that is to be done in so much room."""

    source: Rows
    target: Rows
    config: SearchConfig
    room: Room = Room()

    @property
    def work(self) -> Work:
        return work_of((self.source.shape, self.target.shape), self.config, self.room)

    def neighbours(self, tiling: Tiling | None = None, progress: Progress | None = None) -> Neighbours:
        """What `kernel.search` finds on the same rows; without `tiling` nothing is kept on disk."""
        if tiling is None:
            if self.room.workers > 1:
                raise ConfigError("`workers` share tiles on disk, which the command line makes. Leave it out here")
            grid = plan_tiles(self.work, self.room.limit, held_now())
            return search_tiles(self.source, self.target, grid, self.config, progress)
        if tiling.finished:
            return self._merged(tiling)
        with kept(tiling.folder):
            return self._searched(self._plan(tiling, None), tiling, progress)

    def plan(self, tiling: Tiling, number: int | None = None) -> TilePlan:
        """Plan so many tiles, or as few as the room allows, for other processes; tiles that are there stay."""
        folder = tiling.folder
        with kept(folder):
            there = read_plan(folder)
            if any(folder.glob("tile-*")):
                if there is None or there.key != self.key(tiling):
                    raise CorpusError(f"{folder} holds tiles of another search. Name another folder or remove that one")
                if number not in (None, len(there.grid)):
                    raise CorpusError(
                        f"{folder} holds tiles of this search cut into {len(there.grid)}. Leave --number out, or name "
                        "another folder"
                    )
            return self._plan(tiling, number)

    def key(self, tiling: Tiling) -> str:
        """All that decides the neighbours: what is selected of them may change without a new search."""
        sides = self._sides()
        rows = [None if side.rows is None else sha256_rows(side.rows) for side in sides]
        shapes = [list(side.shape) for side in sides]
        return sha256_json({"inputs": tiling.hashes, "shapes": shapes, "rows": rows, "k": self.config.k})

    def _sides(self) -> Sides:
        if isinstance(self.source, UnitRows) and isinstance(self.target, UnitRows):
            return self.source, self.target
        raise ConfigError("tiles on disk are for vectors in files. Leave --workers and --resume out")

    def _plan(self, tiling: Tiling, number: int | None) -> TilePlan:
        """Write a plan down, or find that of the run that is to go on."""
        folder, key, limit, sides = tiling.folder, self.key(tiling), self.room.limit, self._sides()
        held, there, tiles = held_now(), read_plan(folder), sorted(folder.glob("tile-*"))
        most, described = most_rows(self.work, limit, held), describe_sides(sides, tiling.hashes)
        if there is not None and there.key == key and number in (None, len(there.grid)):
            if tiles and not tiling.resume:
                raise CorpusError(
                    f"{folder} holds {len(tiles)} finished tiles of this very search. Add --resume to go on with them, "
                    "or remove that folder"
                )
            if limit is None or sum(there.grid.largest) <= _TOLERANCE * most:
                plan = replace(there, sides=described, precision=self.config.precision)
                write_plan(folder, plan, sides)
                return plan
            tiling.tell(f"the tiles in {folder} need more memory than --memory-limit leaves: all is searched again")
        elif tiles:
            if not tiling.resume:
                raise CorpusError(
                    f"{folder} holds {len(tiles)} finished tiles of another search. Remove that folder, or add "
                    "--resume, which removes them"
                )
            tiling.tell(f"{folder} holds tiles of another search: they are removed")
        grid = plan_tiles(self.work, limit, held)
        if number is not None:
            fewest, grid = len(grid), TileGrid.of_number(self.source.shape[0], self.target.shape[0], number)
            if limit and sum(grid.largest) > most:
                raise ConfigError(f"{number} tiles are too large for --memory-limit {limit}: {fewest} fit")
        for path in tiles:
            path.unlink()
        plan = TilePlan(key, grid, self.config.k, self.config.precision, described)
        write_plan(folder, plan, sides)
        return plan

    def _searched(self, plan: TilePlan, tiling: Tiling, progress: Progress | None) -> Neighbours:
        started, report = time.perf_counter(), SearchReport(0.0)
        state = plan.state(tiling.folder, tiling.tell)
        while True:
            there = [number for number in range(len(plan.grid)) if state.read(number)]
            for number in there:
                _advance(progress, plan.grid, number)
            if there:
                tiling.tell(f"{len(there)} of {len(plan.grid)} tiles are there already")
            if len(there) < len(plan.grid):
                threads = self.work.threads
                search = plan.search(self._sides(), threads)
                with tiling.fellows or Fellows(self.room.workers - 1) as fellows, torch_threads(threads):
                    fellows.search(tiling.folder, threads)
                    report = search_missing(state, search, state.missing(), progress)
                    fellows.tell_of_all(tiling.tell)
            progress = None  # of what turns out to be damaged even now
            found = state.merged(replace(report, seconds=time.perf_counter() - started, tiles=len(plan.grid)))
            if found is not None:
                return found

    def _merged(self, tiling: Tiling) -> Neighbours:
        """Of tiles that are all there."""
        grid, (n, m) = grid_of(tiling.finished), (self.source.shape[0], self.target.shape[0])
        if (grid.sources, grid.targets) != (n, m):
            raise CorpusError(
                f"the tiles are of {grid.sources} x {grid.targets} sentences, but there are {n} x {m}. "
                "Plan and run them again"
            )
        said, (first, *others) = list[str](), tiling.finished
        state = TileState(first, self.key(tiling), grid, self.config.k, others, said.append)
        state.searching = False
        found = None if state.missing() else state.merged(SearchReport(0.0, tiles=len(grid)))
        if found is None:
            missing = state.missing()
            what = (
                said[-1] if said else f"{len(missing)} of {len(grid)} tiles are missing, the first of them {missing[0]}"
            )
            raise CorpusError(f"{what}. Run `tiles run` for it, then merge again")
        return found


@contextlib.contextmanager
def kept(folder: Path) -> Iterator[None]:
    """A folder of tiles that only this process plans in, merges and removes.

    One that is made for this goes again with a fault, unless a tile is in it by then.
    """
    refuse_others(folder)
    made = not folder.exists()
    folder.mkdir(exist_ok=True)
    with alone_in(folder):
        try:
            yield
        except BaseException:
            if made and not any(folder.glob("tile-*")):
                shutil.rmtree(folder, ignore_errors=True)
            raise


def work_of(shapes: tuple[tuple[int, int], tuple[int, int]], config: SearchConfig, room: Room) -> Work:
    """What decides how much memory a search needs."""
    threads, ((sources, dim), (targets, _)) = config.threads or default_threads(), shapes
    return Work(sources, targets, dim, config.k, max(1, threads // room.workers), room.workers)


def search_planned(folder: Path, threads: int, tell: Tell) -> None:
    """Search what is left of the tiles planned in a folder, beside others that do so."""
    plan = existing_plan(folder)
    state = plan.state(folder, tell)
    with torch_threads(threads):
        search_missing(state, plan.search(open_sides(folder, plan), threads), state.missing())


def search_missing(
    state: TileState, search: TileSearch, numbers: Sequence[int], progress: Progress | None = None
) -> SearchReport:
    """Search these tiles, as far as nobody else does; returns when all of them are finished.

    Each process takes a row of tiles that nobody else works in, whose sources it need prepare only once; then what is
    free of the rows of others, from their ends; then it waits for what others have claimed and perhaps not finished.
    """
    reports, uncounted = [], set(numbers)

    def search_all(numbers: Sequence[int], wait: bool = False) -> list[int]:
        """Search what can be claimed; returns the rest."""
        claimed_by_others = []
        for number in numbers:
            if not state.claim(number, wait):
                claimed_by_others.append(number)
                continue
            if state.place(number) is None:
                tile = search.tile(number, state.known(number), progress)
                state.save(number, tile)
                reports.append(tile.report)
                uncounted.discard(number)
            state.release(number)
            for other in uncounted.difference(state.missing()):  # found by another process
                _advance(progress, state.grid, other)
                uncounted.discard(other)
        return claimed_by_others

    left = list[int]()
    for row, tiles in state.grid.by_row(numbers):
        if state.claim_row(row):
            left += search_all(tiles)
            state.release_row(row)
        else:
            left += tiles
    search_all(search_all(left[::-1]), wait=True)
    return joined(reports)


def _advance(progress: Progress | None, grid: TileGrid, number: int) -> None:
    if progress is not None:
        rows, columns = grid.tile(number)
        progress(len(rows) * len(columns))
