"""Score vectors or mined pairs against gold; every number comes with the signature of how it was made.

  fairseq-xling evaluate tatoeba --source test.fur.npy --target test.eng.npy
  fairseq-xling evaluate tatoeba --folder tatoeba --encoder surface
  fairseq-xling evaluate xsim    --source dev.fur.npy --target dev.eng.npy --source-text dev.fur --target-text dev.eng
  fairseq-xling evaluate bucc    --candidates te.tsv --gold te.gold --tune-candidates tr.tsv --tune-gold tr.gold
  fairseq-xling evaluate pairs   --pairs pairs.tsv --source-ids mono.fur.ids --target-ids mono.eng.ids

Say `fairseq-xling evaluate WHAT --help` for the options of one; docs/evaluation.md defines every score.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairseq_xling.cli.inputs import read_sides
from fairseq_xling.cli.mine import manifest_beside
from fairseq_xling.cli.output import emit, emit_json, note, table
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import atomic_write, read_lines, read_manifest, sha256_file
from fairseq_xling.neighbours.margin import MARGINS
from fairseq_xling.vectors import open_vectors

if TYPE_CHECKING:
    from fairseq_xling.evaluation.curve import Curve
    from fairseq_xling.evaluation.nearest import TestSet
    from fairseq_xling.evaluation.score import Score


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True, help="what to score, one of:")
    for name, (add, score, summary) in _KINDS.items():
        kind = kinds.add_parser(
            name, help=summary, description=score.__doc__, formatter_class=parser.formatter_class, allow_abbrev=False
        )
        add(kind)
        kind.add_argument(
            "--source-language", default="source", metavar="XX", help="how the source is called in the scores"
        )
        kind.add_argument(
            "--target-language", default="target", metavar="YY", help="how the target is called in the scores"
        )
        kind.add_argument("--split", default="test", metavar="NAME", help="the split's name, for the signature")
        kind.add_argument(
            "--json", action="store_true", help="print one JSON object with all scores instead of a table"
        )


def run(args: argparse.Namespace) -> int:
    scores = list(_KINDS[args.what][1](args))
    if args.json:
        emit_json({"scores": [score.record() for score in scores]})
    else:
        emit(_table(scores))
    return 0


def _table(scores: list[Score]) -> str:
    """One line a score; their signatures, which many share, follow by number."""
    made = list(dict.fromkeys(score.signature for score in scores))
    rows = [[s.pair, s.name, s.value, f"[{made.index(s.signature) + 1}]", _counts(s)] for s in scores]
    numbered = [f"[{place}] {text}" for place, text in enumerate(made, start=1)]
    return "\n".join([table(rows, ["pair", "score", "value", "how", "counts"]), "", *numbered])


def _counts(score: Score) -> str:
    """The counts in words; of pairs, what has a line of its own in the same table is left out."""
    elsewhere = ("precision", "recall") if score.name.startswith("pairs.") else ()
    shown = {name: value for name, value in score.counts.items() if name not in elsewhere and value is not None}
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}" for name, value in shown.items()
    )


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


def _add_tatoeba(parser: argparse.ArgumentParser) -> None:
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


def _tatoeba(args: argparse.Namespace) -> Iterable[Score]:
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
    return with_means(score for test in tests for score in tatoeba_scores(test, name, args.at, args.compare))


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


def _add_xsim(parser: argparse.ArgumentParser) -> None:
    _add_sides(parser, required=True)
    group = parser.add_argument_group("score")
    group.add_argument("--margin", choices=MARGINS, default="ratio", help="how a neighbour is judged")
    group.add_argument("--mining-k", type=int, default=4, metavar="N", help="neighbours of each sentence")
    group.add_argument(
        "--compare",
        choices=("textual", "index"),
        help="what must be equal (default: textual where the texts are given)",
    )


def _xsim(args: argparse.Namespace) -> Iterable[Score]:
    """xSIM error: the share of sentences whose best neighbour by margin is not the translation."""
    from fairseq_xling.evaluation.score import with_means
    from fairseq_xling.evaluation.xsim import xsim_scores

    return with_means(xsim_scores(_test_set(args), args.margin, args.mining_k, args.compare))


def _add_bucc(parser: argparse.ArgumentParser) -> None:
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


def _bucc(args: argparse.Namespace) -> Iterable[Score]:
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
    return bucc_scores(test, tuning, args.threshold, pair, args.split, _made(args.candidates))


def _add_pairs(parser: argparse.ArgumentParser) -> None:
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


def _pairs(args: argparse.Namespace) -> Iterable[Score]:
    """Precision, recall and F1 of mined pairs against concept numbers: all pairs, thresholds, caps, and the best F1."""
    from fairseq_xling.evaluation.goldpairs import gold_curve, goldpair_scores
    from fairseq_xling.evaluation.readers import read_concepts, read_mined

    curve = gold_curve(*read_mined(args.pairs), read_concepts(args.source_ids), read_concepts(args.target_ids))
    _write_curve(args.curve, curve)
    pair = f"{args.source_language}-{args.target_language}"
    return goldpair_scores(curve, args.threshold, args.cap, pair, args.split, _made(args.pairs))


def _add_curve(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--curve", metavar="O.tsv", help="write score, extracted, precision, recall, F1 at every distinct score"
    )


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


Add = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace], "Iterable[Score]"]
_KINDS: dict[str, tuple[Add, Run, str]] = {
    "tatoeba": (_add_tatoeba, _tatoeba, "nearest neighbour accuracy of a test set's vectors"),
    "xsim": (_add_xsim, _xsim, "error of the best neighbour by margin"),
    "bucc": (_add_bucc, _bucc, "F1 of candidates against gold pairs, by two kinds of threshold"),
    "pairs": (_add_pairs, _pairs, "precision and recall of mined line pairs against concept numbers"),
}
