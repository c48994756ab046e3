"""Write a run's page: one HTML file with its scores, maps, margins, curves and samples; needs no network, no script.

  fairseq-xling report R                  R/report.html, as iterate writes it at the end; also of a run under way
  fairseq-xling report A B                A/report-against-B.html: two runs side by side, with what differs

docs/report.md says how to read it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairseq_xling.cli.output import emit
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import atomic_write, read_bytes

if TYPE_CHECKING:
    from fairseq_xling.report.reading import Planned, Run

REPORT = "report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", metavar="RUN_DIR", help="the run directory")
    parser.add_argument("other", nargs="?", metavar="RUN_DIR_B", help="another one to compare it with")
    parser.add_argument(
        "--output", metavar="O.html", help=f"the page (default: RUN_DIR/{REPORT}, of two RUN_DIR/report-against-B.html)"
    )


def run(args: argparse.Namespace) -> int:
    emit(str(write_report(args.run_dir, args.other, args.output)))
    return 0


def write_report(root: str | Path, other: str | Path | None = None, output: str | Path | None = None) -> Path:
    """The page of one run, or of two side by side; returns where it is."""
    from fairseq_xling.report.comparison import comparison_page
    from fairseq_xling.report.page import run_page

    first = open_run(root)
    second = open_run(other) if other else None
    name = f"report-against-{second.name}.html" if second else REPORT
    place = Path(output) if output else first.root / name
    page = comparison_page(first, second) if second else run_page(first)
    with atomic_write(place) as stream:
        stream.write(page)
    return place


def open_run(root: str | Path) -> Run:
    """The run with what it was to become, as far as its configuration still says so."""
    from fairseq_xling.report.reading import read_run

    place = Path(root).resolve()
    if not place.is_dir():
        raise ConfigError(f"{root} is not a directory. Name a run directory, as given to iterate --run-dir")
    config = _config(place)
    notes: list[str] = []
    planned: list[Planned] = []
    if config:
        try:
            planned = plan_of(place)
        except (
            ConfigError
        ) as fault:  # of a run that was moved here without its texts, say: it can be shown all the same
            notes.append(f"What is still missing cannot be said, because the configuration does not hold here: {fault}")
    else:
        notes.append("There is no config.yaml: languages, texts and what is still missing are not known.")
    return read_run(place, config, planned, notes)


def _config(root: Path) -> Mapping[str, Any]:
    import yaml

    place = root / "config.yaml"
    if not place.is_file():
        return {}
    try:
        values = yaml.safe_load(read_bytes(place))
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{place} is not YAML: {fault}") from fault
    if not isinstance(values, Mapping):
        raise ConfigError(f"{place} must be a mapping of options. Is it a run's config.yaml?")
    return values


def plan_of(root: Path) -> list[Planned]:
    """The stages that the run's configuration asks for."""
    from fairseq_xling.cli.iterate import load
    from fairseq_xling.report.reading import Planned
    from fairseq_xling.rounds.criss import plan_criss

    return [
        Planned(stage.name, stage.kind, stage.resources.nodes, stage.resources.cpus, stage.resources.gpus)
        for stage in plan_criss(load(None, root))
    ]
