"""A search that outgrows memory, or is to survive a kill: planned, searched in tiles by any number of processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fairseq_xling.errors import ConfigError, CorpusError, XlingError
from fairseq_xling.files import sha256_json
from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.mining.tileplan import Sides, TilePlan, describe_sides, read_plan, refuse_others, write_plan
from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig, SearchReport
from fairseq_xling.neighbours.memory import Work, check_limit, held_now, most_rows, plan_tiles
from fairseq_xling.neighbours.threads import default_threads
from fairseq_xling.neighbours.tiles import TileSearch, joined, search_tiles
from fairseq_xling.neighbours.tilestate import Tell, TileState, alone_in, grid_of
from fairseq_xling.processes import die_with_parent
from fairseq_xling.tilegrid import TileGrid

Progress = Callable[[int], None]
Shapes = tuple[tuple[int, int], tuple[int, int]]
_LOOK_SECONDS = 0.2
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


def tiled_neighbours(
    sides: Sides, config: MiningConfig, tiling: Tiling | None, progress: Progress | None = None
) -> Neighbours:
    """What `kernel.search` finds on the same rows, within --memory-limit; `tiling` None keeps nothing on disk."""
    work = work_of(_shapes(sides), config)
    if tiling is None:
        if work.workers > 1:
            raise ConfigError("`workers` share tiles on disk, which the command line makes. Leave it out here")
        settings = SearchConfig(k=config.mining_k, precision=config.precision, threads=config.threads)
        return search_tiles(*sides, plan_tiles(work, config.memory_limit, held_now()), settings, progress)
    if tiling.finished:
        return _merged(sides, config, tiling)
    tiling.folder.mkdir(exist_ok=True)
    with alone_in(tiling.folder):
        return _planned(_prepared(sides, config, tiling), sides, config, tiling, progress)


def plan_in(sides: Sides, config: MiningConfig, tiling: Tiling, number: int | None = None) -> TilePlan:
    """Plan a search, in so many tiles or in as few as memory allows, for others to find them; others' tiles stay."""
    folder = tiling.folder
    folder.mkdir(exist_ok=True)
    with alone_in(folder):
        there = read_plan(folder)
        if any(folder.glob("tile-*")) and (there is None or there.key != search_key(sides, config, tiling.hashes)):
            raise CorpusError(f"{folder} holds tiles of another search. Name another folder, or remove that one")
        return _prepared(sides, config, tiling, number)


def _planned(
    plan: TilePlan, sides: Sides, config: MiningConfig, tiling: Tiling, progress: Progress | None
) -> Neighbours:
    started, work, report = time.perf_counter(), work_of(_shapes(sides), config), SearchReport(0.0)
    state = plan.state(tiling.folder, tiling.tell)
    while True:
        there = [number for number in range(len(plan.grid)) if state.read(number)]
        for number in there:
            _advance(progress, plan.grid, number)
        if there:
            tiling.tell(f"{len(there)} of {len(plan.grid)} tiles are there already")
        if len(there) < len(plan.grid):
            if work.workers > 1:
                _by_workers(state, work, progress)
            else:
                report = search_missing(state, plan.search(sides, config.threads), state.missing(), progress)
        progress = None  # of what turns out to be damaged even now
        found = state.merged(replace(report, seconds=time.perf_counter() - started, tiles=len(plan.grid)))
        if found is not None:
            return found


def work_of(shapes: Shapes, config: MiningConfig) -> Work:
    """What decides how much memory a search needs."""
    threads, workers = config.threads or default_threads(), config.workers
    (sources, dim), (targets, _) = shapes
    return Work(sources, targets, dim, config.mining_k, max(1, threads // workers), workers)


def _shapes(sides: Sides) -> Shapes:
    return sides[0].shape, sides[1].shape


def check_memory(shapes: Shapes, config: MiningConfig) -> None:
    """Refuse an impossible --memory-limit before any work."""
    check_limit(work_of(shapes, config), config.memory_limit, held_now())


def search_key(sides: Sides, config: MiningConfig, hashes: tuple[str, str]) -> str:
    """All that decides the neighbours: what is selected of them may change without a new search."""
    shapes = [list(side.shape) for side in sides]
    said: dict[str, Any] = {"inputs": hashes, "shapes": shapes, "k": config.mining_k}
    if config.unify:
        said["rows"] = [
            None if side.rows is None else hashlib.sha256(side.rows.tobytes()).hexdigest() for side in sides
        ]
    return sha256_json(said)


def _prepared(sides: Sides, config: MiningConfig, tiling: Tiling, number: int | None = None) -> TilePlan:
    """Plan the search and write that down, or find the plan of the run that is to go on."""
    folder, key = tiling.folder, search_key(sides, config, tiling.hashes)
    work = work_of(_shapes(sides), config)
    refuse_others(folder)
    held, there, tiles = held_now(), read_plan(folder), sorted(folder.glob("tile-*"))
    most, described = most_rows(work, config.memory_limit, held), describe_sides(sides, tiling.hashes)
    if there is not None and there.key == key and number in (None, len(there.grid)):
        if tiles and not tiling.resume:
            raise CorpusError(
                f"{folder} holds {len(tiles)} finished tiles of this very search. Add --resume to go on with them, "
                "or remove that folder"
            )
        if sum(there.grid.largest) <= _TOLERANCE * most:
            write_plan(folder, replace(there, sides=described, precision=config.precision), sides)
            return there
        tiling.tell(f"the tiles in {folder} need more memory than --memory-limit leaves: all is searched again")
    elif tiles:
        tiling.tell(f"{folder} holds tiles of another search: they are removed")
    grid = plan_tiles(work, config.memory_limit, held)
    if number is not None:
        fewest, grid = len(grid), TileGrid.of_number(work.sources, work.targets, number)
        if config.memory_limit and sum(grid.largest) > most:
            raise ConfigError(f"{number} tiles are too large for --memory-limit {config.memory_limit}: {fewest} fit")
    for path in tiles:
        path.unlink()
    plan = TilePlan(key, grid, config.mining_k, config.precision, described)
    write_plan(folder, plan, sides)
    return plan


def search_missing(
    state: TileState, search: TileSearch, numbers: Sequence[int], progress: Progress | None = None
) -> SearchReport:
    """Search these tiles, as far as nobody else does; returns when all of them are finished."""
    reports, left = [], list(numbers)
    for wait in (False, True):  # first what is free, then what others have claimed and perhaps not finished
        skipped = []
        for number in left:
            if not state.claim(number, wait):
                skipped.append(number)
                continue
            if state.place(number) is None:
                tile = search.tile(number, state.known(number), progress)
                state.save(number, tile)
                reports.append(tile.report)
            else:
                _advance(progress, state.grid, number)
            state.release(number)
        left = skipped
    return joined(reports)


def _by_workers(state: TileState, work: Work, progress: Progress | None) -> None:
    """The same by processes of their own, which the command `tiles run` is."""
    words = [sys.executable, "-m", "fairseq_xling", "tiles", "run", "--tiles", str(state.folder)]
    words += ["--threads", str(work.threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(work.threads)}
    done = set(range(len(state.grid))) - set(state.missing())
    workers = [
        subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        for _ in range(work.workers)
    ]  # fmt: skip
    try:
        running = list(workers)
        while running:
            time.sleep(_LOOK_SECONDS)
            for number in set(range(len(state.grid))) - set(state.missing()) - done:
                done.add(number)
                _advance(progress, state.grid, number)
            for worker in [worker for worker in running if worker.poll() is not None]:
                running.remove(worker)
                _check(worker, state)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            if worker.stderr:
                worker.stderr.close()


def _check(worker: subprocess.Popen[str], state: TileState) -> None:
    """Say what a worker said; an end that is no success is ours."""
    lines = (worker.stderr.read() if worker.stderr else "").splitlines()
    if worker.returncode == 0:
        for line in lines:
            state.tell(line)
        return
    said = lines[-1].removeprefix("fairseq-xling: error: ") if lines else ""
    if worker.returncode < 0:
        said = f"it was killed by signal {-worker.returncode}, as happens where memory runs out"
    raise XlingError(f"a worker has failed: {said}. Its finished tiles stay: the same command with --resume goes on")


def _merged(sides: Sides, config: MiningConfig, tiling: Tiling) -> Neighbours:
    grid, key = grid_of(tiling.finished), search_key(sides, config, tiling.hashes)
    if (grid.sources, grid.targets) != (len(sides[0]), len(sides[1])):
        raise CorpusError(
            f"the tiles are of {grid.sources} x {grid.targets} sentences, but there are {len(sides[0])} x "
            f"{len(sides[1])}. Plan and run them again"
        )
    said = list[str]()
    first, *others = tiling.finished
    state = TileState(first, key, grid, config.mining_k, others, said.append)
    found = state.merged(SearchReport(0.0, tiles=len(grid))) if not state.missing() else None
    if found is None:
        missing = state.missing()
        what = said[-1] if said else f"{len(missing)} of {len(grid)} tiles are missing, the first of them {missing[0]}"
        raise CorpusError(f"{what}. Run `tiles run` for it, then merge again")
    return found


def _advance(progress: Progress | None, grid: TileGrid, number: int) -> None:
    if progress is not None:
        rows, columns = grid.tile(number)
        progress(len(rows) * len(columns))
