"""Run the whole loop: encode, mine, assemble, train from the ORIGINAL model, evaluate, for several rounds.

  fairseq-xling iterate config.yaml --run-dir R --dry-run     what would be done, how often, and what it costs
  fairseq-xling iterate config.yaml --run-dir R               do it; the same command goes on after any interruption
  fairseq-xling iterate --run-dir R --status                  how far it is, from anywhere

R becomes config.yaml, scores.jsonl, report.html (the page to look at) and
round-NN/{assemble,binarise,train,encode,mine,evaluate}; round 00 is the starting model. Each stage's folder appears
whole, by one rename, with its checksums in stage.json; logs/ has what its commands said. What is there and unchanged is
never done again: change the configuration, and only what depends on it is. One driver a run: a second one is refused,
the run of a dead one is taken over. docs/rounds.md explains the rest.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from fairseq_xling.cli.output import emit, emit_json, note, table
from fairseq_xling.cli.pages import write_report
from fairseq_xling.errors import ConfigError
from fairseq_xling.rounds.config import Absent, RoundsConfig, Verbs

if TYPE_CHECKING:
    from fairseq_xling.rounds.drive import Report

EXECUTORS = ("local", "inline", "slurm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "config", nargs="?", metavar="CONFIG.yaml", help="the run (default: R/config.yaml of a run that began)"
    )
    parser.add_argument("--run-dir", required=True, metavar="R", help="the run directory; made where it is not there")
    parser.add_argument(
        "--executor",
        choices=EXECUTORS,
        default="local",
        help="local: stages side by side in processes of this machine; inline: one after the other in this process; "
        "slurm: as jobs of a cluster (slurm/README.md)",
    )
    parser.add_argument(
        "--cpus",
        type=int,
        metavar="N",
        help="processors to use (default: all this process may use); slurm: of a job whose stages name none (default: "
        "1)",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan with counts, sizes and costs; do nothing"
    )
    parser.add_argument("--status", action="store_true", help="print how far the run is; do nothing")
    parser.add_argument("--json", action="store_true", help="with --dry-run, --status or at the end: one JSON object")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--perform", metavar="JOB", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    from fairseq_xling.rounds.drive import drive, dry_run, status

    if args.dry_run and args.status:
        raise ConfigError("--dry-run and --status exclude each other. Give one")
    root = Path(args.run_dir)
    if args.worker:
        return _work(root)
    if args.perform:
        from fairseq_xling.rounds.drive import perform_run

        return perform_run(root, load(None, root), call, args.perform)
    if args.status:
        report = status(root, load(None, root, "ignored"))
        _show(report, args.json)
        return 0
    if args.cpus is not None and args.cpus < 1:
        raise ConfigError(f"--cpus must be at least 1, but is {args.cpus}")
    config = load(args.config, root, "planned" if args.dry_run else "refused")
    if args.dry_run:
        report = dry_run(config)
        _show(report, args.json)
        return 0
    cpus = args.cpus or (1 if args.executor == "slurm" else len(os.sched_getaffinity(0)))
    scores = drive(config, root, args.executor, cpus, call)
    page = write_report(root, config)
    note(f"the page to look at: {page}")
    if args.json:
        emit_json({"run": str(root), "scores": scores, "report": str(page)})
    return 0


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        emit_json(report.record)
        return
    for header, rows in report.tables:
        emit(table(rows, header) + "\n")
    for line in report.lines:
        emit(line)


def load(path: str | None, root: Path, absent: Absent = "refused") -> RoundsConfig:
    """A configuration file, or that of the run itself."""
    import yaml

    from fairseq_xling.files import read_bytes
    from fairseq_xling.rounds.config import read_rounds

    place = Path(path) if path else root / "config.yaml"
    if path is None and not place.is_file():
        raise ConfigError(f"{root} holds no run yet. Name its configuration: iterate CONFIG.yaml --run-dir {root}")
    try:
        values = yaml.safe_load(read_bytes(place))
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{place} is not YAML: {fault}") from fault
    return read_rounds(values, place.resolve().parent, sections(), absent)


def sections() -> Verbs:
    """Which verb's options each section of the configuration holds."""
    from fairseq_xling.encoders.options import EncodingConfig, TranslationConfig
    from fairseq_xling.mining.assemble import AssemblyConfig
    from fairseq_xling.mining.config import MiningConfig
    from fairseq_xling.text.pieces import PiecesConfig

    return {
        "pieces": PiecesConfig,
        "mining": MiningConfig,
        "assembly": AssemblyConfig,
        "encoding": EncodingConfig,
        "translation": TranslationConfig,
    }


def call(words: Sequence[str], cpus: int) -> int:
    """One of our verbs in this process, with so many threads."""
    from fairseq_xling.cli.main import main

    os.environ["OMP_NUM_THREADS"] = str(cpus)
    torch: Any = sys.modules.get("torch")
    if torch:
        torch.set_num_threads(cpus)
    return main(words)


def _work(root: Path) -> int:
    """A worker of the local executor: tasks on stdin, answers on stdout, which nothing else may write to."""
    from fairseq_xling.rounds.drive import serve_run

    answers: IO[str] = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve_run(root, load(None, root), call, sys.stdin, answers)
    return 0
