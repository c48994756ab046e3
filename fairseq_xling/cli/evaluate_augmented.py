"""`evaluate xsim++`: what it reads and how it is called."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fairseq_xling.cli.evaluate_chance import add_bootstrap, sure
from fairseq_xling.cli.evaluate_vectors import same_rows
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import read_lines
from fairseq_xling.neighbours.margin import MARGINS
from fairseq_xling.vectors import open_vectors

if TYPE_CHECKING:
    from fairseq_xling.evaluation.score import Score


def add_augmented(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input")
    group.add_argument("--source", required=True, metavar="X", help="source vectors; a text with --encoder surface")
    group.add_argument("--target", required=True, metavar="Y", help="target vectors; row i translates row i of X")
    group.add_argument("--target-text", metavar="F", help="the target lines (default with --encoder surface: Y)")
    group.add_argument("--augmented", required=True, metavar="A", help="vectors of the made-up target sentences")
    group.add_argument("--augmented-text", metavar="F", help="LASER's xx_augmented.split (default with surface: A)")
    group.add_argument(
        "--augmented-types",
        required=True,
        metavar="J",
        help="LASER's xx_errtype.split.json: made of what, and how",
    )
    group.add_argument("--dim", type=int, metavar="D", help="length of a vector in raw float32 files (LASER's format)")
    group.add_argument("--encoder", choices=("surface",), help="compare texts by their character n-grams")
    group.add_argument(
        "--fit", nargs="+", metavar="F", help="texts with the surface encoder's statistics (default: X, Y, A)"
    )
    group = parser.add_argument_group("score")
    group.add_argument("--margin", choices=MARGINS, default="ratio", help="how a neighbour is judged")
    group.add_argument("--mining-k", type=int, default=4, metavar="N", help="neighbours of each sentence")
    add_bootstrap(group)


def score_augmented(args: argparse.Namespace) -> Iterable[Score]:
    """xSIM++: the share of sentences that prefer a foreign or made-up sentence; the counts say of which kind."""
    from fairseq_xling.evaluation.xsimplusplus import AugmentedSet, read_changes, xsimplusplus_scores

    source, candidates, lines, encoder = _surface(args) if args.encoder else _vectors(args)
    languages = (args.source_language, args.target_language)
    changes = read_changes(args.augmented_types)
    test = AugmentedSet(source, candidates, lines, changes, languages, args.split, encoder)
    return sure(xsimplusplus_scores(test, args.margin, args.mining_k), args)


def _vectors(args: argparse.Namespace) -> tuple[Any, Any, list[str], str | None]:
    import numpy as np

    if not (args.target_text and args.augmented_text):
        raise ConfigError("vectors need their texts: --target-text and --augmented-text", "evaluate xsim++")
    source, *sides = (open_vectors(path, args.dim) for path in (args.source, args.target, args.augmented))
    texts = [read_lines(args.target_text), read_lines(args.augmented_text)]
    for path, side, lines in zip((args.target, args.augmented), sides, texts, strict=True):
        if side.rows != len(lines):
            raise CorpusError(f"{path} has {side.rows} vectors for {len(lines)} lines of text. Encode that very text.")
    same_rows((args.source, source.rows), (args.target, sides[0].rows))
    return source, np.concatenate([side.read() for side in sides]), [*texts[0], *texts[1]], None


def _surface(args: argparse.Namespace) -> tuple[Any, Any, list[str], str | None]:
    from fairseq_xling.text.surface import SurfaceEncoder

    source, target, made_up = (read_lines(path) for path in (args.source, args.target, args.augmented))
    same_rows((args.source, len(source)), (args.target, len(target)))
    fitted = [line for path in args.fit or () for line in read_lines(path)] or [*source, *target, *made_up]
    encoder = SurfaceEncoder.fit(fitted)
    lines = [*target, *made_up]
    return encoder.encode_sparse(source), encoder.encode_sparse(lines), lines, encoder.signature
