"""`evaluate bucc` and `evaluate pairs`: what they read and how they are called."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fairseq_xling.cli.evaluate_chance import add_bootstrap, sure
from fairseq_xling.cli.mine import manifest_beside
from fairseq_xling.cli.output import note
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import atomic_write, read_manifest, sha256_file

if TYPE_CHECKING:
    from fairseq_xling.evaluation.curve import Curve
    from fairseq_xling.evaluation.score import Score


def add_bucc(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input")
    group.add_argument(
        "--candidates", required=True, metavar="C.tsv", help="score TAB source id TAB target id, in any order"
    )
    group.add_argument("--gold", required=True, metavar="G", help="the gold pairs: source id TAB target id")
    group.add_argument(
        "--tune-candidates",
        metavar="C.tsv",
        help="candidates of the tuning split, whose best threshold is carried over",
    )
    group.add_argument("--tune-gold", metavar="G", help="gold pairs of the tuning split")
    group.add_argument("--threshold", type=float, metavar="X", help="score this threshold too (at least X)")
    group.add_argument(
        "--sentences",
        nargs=2,
        metavar=("SOURCE", "TARGET"),
        help="BUCC's files of `id TAB sentence`: --candidates then hold line numbers of these, as mine writes them",
    )
    group.add_argument(
        "--tune-sentences", nargs=2, metavar=("SOURCE", "TARGET"), help="the same for the tuning split's candidates"
    )
    _add_curve(group)


def score_bucc(args: argparse.Namespace) -> Iterable[Score]:
    """BUCC: F1 at the test split's own best threshold (oracle) and at one carried over from a tuning split."""
    from fairseq_xling.evaluation.bucc import bucc_scores, extraction
    from fairseq_xling.evaluation.readers import read_candidates, read_gold

    if bool(args.tune_candidates) != bool(args.tune_gold):
        raise ConfigError("--tune-candidates and --tune-gold go together. Give both or neither", "evaluate bucc")
    if args.tune_sentences and not args.tune_gold:
        raise ConfigError("--tune-sentences goes with --tune-candidates. Give both or neither", "evaluate bucc")
    test = extraction(*read_candidates(args.candidates, args.sentences), read_gold(args.gold))
    tuning = None
    if args.tune_gold:
        tuning = extraction(*read_candidates(args.tune_candidates, args.tune_sentences), read_gold(args.tune_gold))
    _write_curve(args.curve, test.curve)
    pair = f"{args.source_language}-{args.target_language}"
    return sure(bucc_scores(test, tuning, args.threshold, pair, args.split, _made(args.candidates)), args)


def add_pairs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input")
    group.add_argument(
        "--pairs", required=True, metavar="P.tsv", help="score TAB source line TAB target line, as mine writes them"
    )
    group.add_argument("--source-ids", required=True, metavar="F", help="a concept number for each source line")
    group.add_argument(
        "--target-ids", required=True, metavar="F", help="for each target line; equal numbers are translations"
    )
    group.add_argument(
        "--threshold", type=float, nargs="+", default=[], metavar="X", help="also score the pairs above X"
    )
    group.add_argument("--cap", type=int, nargs="+", default=[], metavar="N", help="also score the N best pairs")
    _add_curve(group)


def score_pairs(args: argparse.Namespace) -> Iterable[Score]:
    """Precision, recall and F1 of mined pairs against concept numbers: all pairs, thresholds, caps, and the best F1."""
    from fairseq_xling.evaluation.goldpairs import gold_curve, goldpair_scores
    from fairseq_xling.evaluation.readers import read_concepts, read_mined

    curve = gold_curve(*read_mined(args.pairs), read_concepts(args.source_ids), read_concepts(args.target_ids))
    _write_curve(args.curve, curve)
    pair = f"{args.source_language}-{args.target_language}"
    return sure(goldpair_scores(curve, args.threshold, args.cap, pair, args.split, _made(args.pairs)), args)


def _add_curve(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--curve", metavar="O.tsv", help="write score, extracted, precision, recall, F1 at every distinct score"
    )
    add_bootstrap(group)


def _write_curve(path: str | None, curve: Curve) -> None:
    if path is None:
        return
    with atomic_write(path) as stream:
        stream.write("score\textracted\tprecision\trecall\tf1\n")
        for score, cut in curve.rows():
            stream.write(f"{score:.7f}\t{cut.extracted}\t{cut.precision:.6f}\t{cut.recall:.6f}\t{cut.f1:.6f}\n")


def _made(path: str) -> str | None:
    """The signature of mined pairs, from the manifest beside them where it still describes this very file."""
    place = manifest_beside(path)
    if not place.is_file():
        note(f"{place.name} is not there: the scores' signature cannot say which margin made the pairs")
        return None
    manifest = read_manifest(place)
    if manifest.kind != "pairs" or manifest.outputs.get(Path(path).name) != sha256_file(path):
        note(f"{place.name} describes another file: the scores' signature cannot say which margin made the pairs")
        return None
    return str(manifest.counts["signature"])
