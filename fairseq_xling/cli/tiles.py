"""Mine in tiles: one search cut into parts that any number of processes, jobs or machines find; the pairs are mine's.

  fairseq-xling tiles plan --source X --target Y --number 16 --tiles T        cut the search; prints how many tiles
  fairseq-xling tiles run 3 --tiles T                                         search tile 3; without a number, all
                                                                              that is left, beside others that do so
  fairseq-xling tiles merge --source X --target Y --tiles T --output O.tsv    all tiles are there: mine does the rest

T is a folder that all of them see. As an array of jobs:

  sbatch --array=0-15 --wrap 'fairseq-xling tiles run $SLURM_ARRAY_TASK_ID --tiles T'

A finished tile is a file in T that appears at once and carries a checksum; what was killed or damaged is searched again
by the next `tiles run`. docs/mining.md explains more. One machine needs none of this: `mine --workers N --resume`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fairseq_xling.cli import mine
from fairseq_xling.cli.inputs import add_sides, read_sides
from fairseq_xling.cli.main import HelpFormatter
from fairseq_xling.cli.options import add_config
from fairseq_xling.cli.output import emit, emit_json, note, progress
from fairseq_xling.configs import read_config
from fairseq_xling.errors import ConfigError
from fairseq_xling.mining.config import MiningConfig

_PLANNED = ("mining_k", "unify", "compat", "precision", "memory_limit")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    steps = parser.add_subparsers(dest="step", metavar="STEP", required=True, help="what to do, one of:")
    for name, (add, act, summary) in _STEPS.items():
        step = steps.add_parser(
            name, help=summary, description=act.__doc__, formatter_class=HelpFormatter, allow_abbrev=False
        )
        add(step)


def run(args: argparse.Namespace) -> int:
    code: int = _STEPS[args.step][1](args)
    return code


def _add_plan(parser: argparse.ArgumentParser) -> None:
    add_sides(parser)
    parser.add_argument("--tiles", required=True, metavar="T", help="the folder for plan and tiles; made if need be")
    parser.add_argument("--number", type=int, metavar="N", help="tiles (default: as few as the memory limit allows)")
    parser.add_argument("--resume", action="store_true", help="keep finished tiles of this very search")
    parser.add_argument("--json", action="store_true", help="print the grid as JSON on stdout, instead of a number")
    add_config(parser.add_argument_group("mining, as far as it decides the search"), MiningConfig, only=_PLANNED)


def _plan(args: argparse.Namespace) -> int:
    """Check both sides' vectors and cut the search; the number of tiles goes to stdout."""
    from fairseq_xling.mining.mine import prepare_sides
    from fairseq_xling.neighbours.kernel import SearchConfig
    from fairseq_xling.neighbours.memory import Room, check_limit, held_now
    from fairseq_xling.neighbours.outofcore import TiledSearch, Tiling, work_of

    if args.number is not None and args.number < 1:
        raise ConfigError(f"--number must be at least 1, but is {args.number}")
    config = read_config(MiningConfig, {name: getattr(args, name) for name in _PLANNED}, "options")
    folder = Path(args.tiles)
    mine.writable(str(folder / "plan.json")) if folder.is_dir() else mine.writable(str(folder))
    sides = read_sides(args)
    mine.check_lines(sides, args)
    settings, room = SearchConfig(k=config.mining_k, precision=config.precision), Room(config.memory_limit)
    check_limit(work_of((sides.source.shape, sides.target.shape), settings, room), room.limit, held_now())
    left, right = prepare_sides(sides.source, sides.target, config, sides.texts, in_tiles=True)
    tiling = Tiling(folder, (sides.inputs[args.source], sides.inputs[args.target]), args.resume, tell=note)
    plan = TiledSearch(left.unit, right.unit, settings, room).plan(tiling, args.number)
    rows, columns = plan.grid.largest
    note(f"{len(plan.grid)} tiles of at most {rows} x {columns} sentences: fairseq-xling tiles run N --tiles {folder}")
    if args.json:
        grid = {"tiles": len(plan.grid), "rows": plan.grid.rows, "columns": plan.grid.columns}
        emit_json({"folder": str(folder), **grid, "largest": [rows, columns]})
    else:
        emit(str(len(plan.grid)))
    return 0


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("numbers", nargs="*", type=int, metavar="N", help="tiles, from 0 (default: all that is left)")
    parser.add_argument("--tiles", required=True, metavar="T", help="the folder that was planned")
    parser.add_argument("--output", metavar="D", help="another folder for what is found, which is made (default: T)")
    add_config(parser, MiningConfig, only=("threads",))


def _run(args: argparse.Namespace) -> int:
    """Search tiles that are not finished yet; a tile that another process has claimed is waited for."""
    from fairseq_xling.neighbours.outofcore import search_missing
    from fairseq_xling.neighbours.tileplan import existing_plan, open_sides

    config = read_config(MiningConfig, {"threads": args.threads}, "options")
    folder = Path(args.tiles)
    plan = existing_plan(folder)
    beyond = [number for number in args.numbers if not 0 <= number < len(plan.grid)]
    if beyond:
        raise ConfigError(f"there is no tile {beyond[0]}: they are numbered from 0 to {len(plan.grid) - 1}")
    place = Path(args.output or folder)
    place.mkdir(exist_ok=True)
    state = plan.state(place, note)
    numbers = args.numbers or list(range(len(plan.grid)))
    left = [number for number in numbers if state.read(number) is None]
    search = plan.search(open_sides(folder, plan), config.threads)
    products = sum(len(rows) * len(columns) for rows, columns in map(plan.grid.tile, left))
    with progress(products, "pair", "tiles") as bar:
        search_missing(state, search, left, bar.update)
    return 0


def _add_merge(parser: argparse.ArgumentParser) -> None:
    mine.add_mining(parser, leaving_out=("workers",))
    parser.add_argument("--tiles", required=True, nargs="+", metavar="T", help="folders that hold all tiles together")
    parser.set_defaults(resume=False)


def _merge(args: argparse.Namespace) -> int:
    """Merge finished tiles and go on as `mine` does: score, judge, select, write; T is left as it is."""
    return mine.mine(args, tuple(map(Path, args.tiles)))


_STEPS: dict[str, Any] = {
    "plan": (_add_plan, _plan, "cut a search into tiles"),
    "run": (_add_run, _run, "search tiles"),
    "merge": (_add_merge, _merge, "make pairs of finished tiles"),
}
