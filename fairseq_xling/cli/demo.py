"""See the whole loop work: five invented languages, text that only partly says the same, three rounds of CRISS.

  fairseq-xling demo                      about ten minutes on two processors
  fairseq-xling demo --quick              every stage in a minute or two, too small to learn anything

Invents languages in two families, with words, orders, affixes and a script of their own, and writes monolingual text,
gold to score by and test sets to R/world. Then the run R itself: SentencePiece, a small mBART pretrained on the text
alone, and three rounds of mining and training, all with the commands that you would use on your own text. The same
command goes on after any interruption; R/world/config.yaml is the configuration, to be copied and changed.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fairseq_xling.cli.iterate import EXECUTORS, call, sections
from fairseq_xling.cli.output import emit, emit_json, note, table
from fairseq_xling.cli.pages import write_report
from fairseq_xling.files import (
    MANIFEST,
    Manifest,
    finished_directory,
    is_finished,
    json_value,
    read_manifest,
    sha256_file,
    write_manifest,
)

if TYPE_CHECKING:
    from fairseq_xling.demo.world import WorldConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run-dir", metavar="R", help="the run directory (default: runs/demo-SEED)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the text and few updates: a smoke test")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the world and of all training")
    parser.add_argument("--executor", choices=EXECUTORS, default="local", help="as of iterate")
    parser.add_argument("--cpus", type=int, metavar="N", help="processors to use (default: all this process may use)")
    parser.add_argument("--json", action="store_true", help="print all scores as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    import yaml

    from fairseq_xling.demo.recipe import recipe
    from fairseq_xling.demo.world import WorldConfig
    from fairseq_xling.rounds.config import read_rounds
    from fairseq_xling.rounds.drive import claim, drive
    from fairseq_xling.rounds.view import clock, mean_scores

    started = time.perf_counter()
    root = Path(args.run_dir or f"runs/demo-{args.seed}{'-quick' if args.quick else ''}")
    world = WorldConfig.quick(args.seed) if args.quick else WorldConfig(seed=args.seed)
    values = recipe(world, args.quick)
    claim(root)
    invent(root / "world", world, yaml.safe_dump(values, sort_keys=False, width=120))
    config = read_rounds(values, (root / "world").resolve(), sections())
    cpus = args.cpus or len(os.sched_getaffinity(0))
    scores = drive(config, root, args.executor, cpus, call)
    page = write_report(root, config)
    note(f"{clock(time.perf_counter() - started)} on {cpus} processors; everything is in {root}; look at {page}")
    if args.json:
        emit_json({"run": str(root), "scores": scores, "report": str(page)})
        return 0
    header, rows = mean_scores(scores)
    emit(table(rows, header))
    return 0


def invent(folder: Path, world: WorldConfig, config: str) -> None:
    """The world's texts and the configuration, whole or not at all; nothing where they are there already."""
    from fairseq_xling.demo.world import write_world

    wanted = {"world": asdict(world), "config": config}
    if is_finished(folder) and read_manifest(folder / MANIFEST).config == json_value(wanted):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with finished_directory(folder) as building:
        write_world(building, world)
        (building / "config.yaml").write_text(config, encoding="utf-8")
        outputs = {path.name: sha256_file(path) for path in sorted(building.iterdir())}
        write_manifest(building / MANIFEST, Manifest("world", wanted, {}, outputs))
