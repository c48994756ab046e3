"""Vectors of a test set on the command line, and `evaluate xsim`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fairseq_xling.cli.evaluate_chance import add_bootstrap, sure
from fairseq_xling.cli.inputs import read_sides
from fairseq_xling.errors import CorpusError
from fairseq_xling.neighbours.margin import MARGINS

if TYPE_CHECKING:
    from fairseq_xling.evaluation.nearest import TestSet
    from fairseq_xling.evaluation.score import Score


def add_sides(parser: argparse.ArgumentParser, required: bool) -> None:
    """The options for two sides of vectors, or of texts with the surface encoder."""
    group = parser.add_argument_group("input")
    vectors = "a .npy matrix, a directory that encode wrote, raw float32 with --dim, or a text with --encoder surface"
    group.add_argument("--source", required=required, metavar="X", help=f"source vectors: {vectors}")
    group.add_argument(
        "--target", required=required, metavar="Y", help="target vectors; row i translates row i of the source"
    )
    group.add_argument("--dim", type=int, metavar="D", help="length of a vector in a raw float32 file (LASER's format)")
    group.add_argument(
        "--source-text", metavar="F", help="the source lines, to forgive repeated ones (textual comparison)"
    )
    group.add_argument("--target-text", metavar="F", help="the target lines; goes with --source-text")
    group.add_argument(
        "--encoder", choices=("surface",), help="compare texts by their character n-grams; no model needed"
    )
    group.add_argument(
        "--fit", nargs="+", metavar="F", help="texts with the surface encoder's statistics (default: X, Y)"
    )


def same_rows(one: tuple[str, int], other: tuple[str, int]) -> None:
    """(file, its sentences) twice: a test set is aligned, so that both have as many."""
    if one[1] != other[1]:
        raise CorpusError(f"{one[0]} has {one[1]} sentences, but {other[0]} has {other[1]}. Align them line by line.")


def read_test_set(args: argparse.Namespace) -> TestSet:
    """What the options of `add_sides` name."""
    from fairseq_xling.evaluation.nearest import TestSet

    sides = read_sides(args)
    same_rows((args.source, sides.source.shape[0]), (args.target, sides.target.shape[0]))
    for path, side in ((args.source_text, 0), (args.target_text, 1)):
        if path and sides.texts:
            same_rows((path, len(sides.texts[side])), (args.source, sides.source.shape[0]))
    languages = (args.source_language, args.target_language)
    return TestSet(sides.source, sides.target, sides.texts, languages, args.split, sides.encoder)


def add_xsim(parser: argparse.ArgumentParser) -> None:
    add_sides(parser, required=True)
    group = parser.add_argument_group("score")
    group.add_argument("--margin", choices=MARGINS, default="ratio", help="how a neighbour is judged")
    group.add_argument("--mining-k", type=int, default=4, metavar="N", help="neighbours of each sentence")
    group.add_argument(
        "--compare",
        choices=("textual", "index"),
        help="what must be equal (default: textual where the texts are given)",
    )
    add_bootstrap(group)


def score_xsim(args: argparse.Namespace) -> Iterable[Score]:
    """xSIM error: the share of sentences whose best neighbour by margin is not the translation."""
    from fairseq_xling.evaluation.score import with_means
    from fairseq_xling.evaluation.xsim import xsim_scores

    return with_means(sure(xsim_scores(read_test_set(args), args.margin, args.mining_k, args.compare), args))
