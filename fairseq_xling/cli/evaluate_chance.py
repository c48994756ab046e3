"""The options that say how far a score could be chance, the same for every kind of score."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairseq_xling.evaluation.score import Score
    from fairseq_xling.evaluation.significance import Bootstrap


def add_bootstrap(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--bootstrap",
        type=int,
        metavar="N",
        help="a 95%% interval of each score, from N draws of its items (1000, say)",
    )
    group.add_argument("--bootstrap-seed", type=int, default=1, metavar="S", help="seed of these draws")


def read_bootstrap(args: argparse.Namespace) -> Bootstrap | None:
    """What the options ask for; None without --bootstrap."""
    from fairseq_xling.evaluation.significance import Bootstrap

    return None if args.bootstrap is None else Bootstrap(args.bootstrap, args.bootstrap_seed)


def sure(scores: list[Score], args: argparse.Namespace) -> list[Score]:
    """The scores with their intervals, where these are asked for."""
    from fairseq_xling.evaluation.significance import with_intervals

    bootstrap = read_bootstrap(args)
    return scores if bootstrap is None else with_intervals(scores, bootstrap)
