"""`evaluate tatoeba` and `evaluate xsim`: what they read and how they are called."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairseq_xling.cli.inputs import read_sides
from fairseq_xling.cli.output import note
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import read_lines
from fairseq_xling.neighbours.margin import MARGINS
from fairseq_xling.vectors import open_vectors

if TYPE_CHECKING:
    from fairseq_xling.evaluation.nearest import TestSet
    from fairseq_xling.evaluation.score import Score


def _add_sides(parser: argparse.ArgumentParser, required: bool) -> None:
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


def add_tatoeba(parser: argparse.ArgumentParser) -> None:
    _add_sides(parser, required=False)
    group = parser.add_argument_group("a folder of test sets")
    group.add_argument("--folder", metavar="DIR", help="score every pair of files DIR/tatoeba.xxx-eng.{xxx,eng}")
    group.add_argument(
        "--vectors", metavar="DIR", help="their vectors: tatoeba.xxx-eng.xxx.npy, or directories named like the texts"
    )
    group = parser.add_argument_group("score")
    group.add_argument(
        "--at", type=int, nargs="+", default=[1, 5], metavar="N", help="a translation among the N nearest is right"
    )
    group.add_argument(
        "--compare",
        nargs="+",
        choices=("index", "textual"),
        help="index: the row found must be the translation's; textual: its text must be equal "
        "(default: both where the texts are given, else index)",
    )
    group.add_argument(
        "--unshared",
        action="store_true",
        help="also the accuracy of those sentences only that share no word string with their translation",
    )


def score_tatoeba(args: argparse.Namespace) -> Iterable[Score]:
    """Tatoeba accuracy: is the nearest sentence by cosine the translation? Both directions and their mean."""
    from fairseq_xling.evaluation.score import with_means
    from fairseq_xling.evaluation.tatoeba import tatoeba_scores

    name = "surface.accuracy" if args.encoder else "tatoeba.accuracy"
    faults = []
    if bool(args.folder) == bool(args.source or args.target):
        faults.append("give either --folder or both --source and --target")
    elif not args.folder and not (args.source and args.target):
        faults.append("--source and --target go together. Give both")
    if args.folder and bool(args.vectors) == bool(args.encoder):
        faults.append("--folder needs one of --vectors DIR and --encoder surface")
    if args.folder and (args.source_text or args.target_text):
        faults.append("--folder names the texts. Leave --source-text and --target-text out")
    if args.vectors and not args.folder:
        faults.append("--vectors goes with --folder. Name vectors with --source and --target")
    if faults:
        raise ConfigError(faults, "evaluate tatoeba")
    tests = _folder_tests(args) if args.folder else [_test_set(args)]
    scores = []
    for test in tests:
        found = tatoeba_scores(test, name, args.at, args.compare, args.unshared)
        if args.unshared and not any(score.name.endswith(".unshared") for score in found):
            note(f"{test.pairs[0]}: every sentence shares a word with its translation, so none is left to score")
        scores += found
    return with_means(scores)


def _folder_tests(args: argparse.Namespace) -> Iterable[TestSet]:
    from fairseq_xling.evaluation.nearest import TestSet
    from fairseq_xling.evaluation.readers import read_tatoeba, tatoeba_files, tatoeba_pairs
    from fairseq_xling.text.surface import SurfaceEncoder

    fitted = [line for path in args.fit or [] for line in read_lines(path)]
    for pair in tatoeba_pairs(args.folder):
        texts = read_tatoeba(args.folder, pair)
        if args.vectors is None:
            encoder = SurfaceEncoder.fit(fitted or [*texts[0], *texts[1]])
            sides: list[Any] = [encoder.encode_sparse(lines) for lines in texts]
            yield TestSet(sides[0], sides[1], texts, pair, args.split, encoder.signature)
        else:
            names = [file.name.removesuffix(".gz") for file in tatoeba_files(args.folder, pair)]
            places = [Path(args.vectors, name) for name in names]
            sides = [open_vectors(place if place.is_dir() else f"{place}.npy") for place in places]
            yield TestSet(sides[0], sides[1], texts, pair, args.split)


def _test_set(args: argparse.Namespace) -> TestSet:
    from fairseq_xling.evaluation.nearest import TestSet

    sides = read_sides(args)
    languages = (args.source_language, args.target_language)
    return TestSet(sides.source, sides.target, sides.texts, languages, args.split, sides.encoder)


def add_xsim(parser: argparse.ArgumentParser) -> None:
    _add_sides(parser, required=True)
    group = parser.add_argument_group("score")
    group.add_argument("--margin", choices=MARGINS, default="ratio", help="how a neighbour is judged")
    group.add_argument("--mining-k", type=int, default=4, metavar="N", help="neighbours of each sentence")
    group.add_argument(
        "--compare",
        choices=("textual", "index"),
        help="what must be equal (default: textual where the texts are given)",
    )


def score_xsim(args: argparse.Namespace) -> Iterable[Score]:
    """xSIM error: the share of sentences whose best neighbour by margin is not the translation."""
    from fairseq_xling.evaluation.score import with_means
    from fairseq_xling.evaluation.xsim import xsim_scores

    return with_means(xsim_scores(_test_set(args), args.margin, args.mining_k, args.compare))
