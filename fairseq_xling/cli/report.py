"""Write a run's page: one HTML file with its scores, maps, margins, curves and samples; needs no network, no script.

  fairseq-xling report R                  R/report.html, as iterate writes it at the end; also of a run under way
  fairseq-xling report A B                A/report-against-B.html: two runs side by side, with what differs

docs/report.md says how to read it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fairseq_xling.cli.iterate import load
from fairseq_xling.cli.output import emit
from fairseq_xling.cli.pages import REPORT, open_run, write_page
from fairseq_xling.errors import ConfigError

if TYPE_CHECKING:
    from fairseq_xling.report.reading import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", metavar="RUN_DIR", help="the run directory")
    parser.add_argument("other", nargs="?", metavar="RUN_DIR_B", help="another one to compare it with")
    parser.add_argument(
        "--output", metavar="O.html", help=f"the page (default: RUN_DIR/{REPORT}, of two RUN_DIR/report-against-B.html)"
    )


def run(args: argparse.Namespace) -> int:
    from fairseq_xling.report.comparison import comparison_page
    from fairseq_xling.report.page import run_page

    first = planned_run(Path(args.run_dir))
    if args.other:
        second = planned_run(Path(args.other))
        name, page = f"report-against-{second.name}.html", comparison_page(first, second)
    else:
        name, page = REPORT, run_page(first)
    place = Path(args.output) if args.output else Path(args.run_dir) / name
    emit(str(write_page(place, page)))
    return 0


def planned_run(root: Path) -> Run:
    """A run as its directory says; of one that was moved, or is damaged, what can be shown is shown."""
    if not root.is_dir():
        raise ConfigError(f"{root} is not a directory. Name a run directory, as given to iterate --run-dir")
    if not (root / "config.yaml").is_file():
        return open_run(root, None, ["There is no config.yaml: texts and what is still missing are not known."])
    try:
        return open_run(root, load(None, root, "ignored"))
    except ConfigError as fault:
        return open_run(
            root, None, [f"What is still missing is not known, because the configuration is wrong: {fault}"]
        )
