"""`evaluate tatoeba`: what it reads and how it is called."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairseq_xling.cli.evaluate_chance import add_bootstrap, sure
from fairseq_xling.cli.evaluate_vectors import add_sides, read_test_set, same_rows
from fairseq_xling.cli.output import note
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import read_lines
from fairseq_xling.vectors import open_vectors

if TYPE_CHECKING:
    from fairseq_xling.evaluation.nearest import TestSet
    from fairseq_xling.evaluation.score import Score


def add_tatoeba(parser: argparse.ArgumentParser) -> None:
    add_sides(parser, required=False)
    group = parser.add_argument_group("a folder of test sets")
    group.add_argument("--folder", metavar="DIR", help="score every pair of files DIR/tatoeba.xxx-eng.{xxx,eng}")
    group.add_argument(
        "--vectors", metavar="DIR", help="their vectors: tatoeba.xxx-eng.xxx.npy, or directories named like the texts"
    )
    group.add_argument(
        "--average",
        nargs="+",
        default=[],
        metavar="NAME[=F]",
        help="means over so many languages, each in the file F (one code a line); xtreme-36 is known without a file",
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
    add_bootstrap(group)
    _add_baseline(parser.add_argument_group("another encoder on the same sentences, by McNemar's test"))


def _add_baseline(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--baseline-source", metavar="X", help="its vectors of the source")
    group.add_argument("--baseline-target", metavar="Y", help="its vectors of the target")
    group.add_argument("--baseline-vectors", metavar="DIR", help="its vectors of --folder, named like --vectors")
    group.add_argument(
        "--baseline-encoder", choices=("surface",), help="character n-grams of the texts; --fit says of which more"
    )


def score_tatoeba(args: argparse.Namespace) -> Iterable[Score]:
    """Tatoeba accuracy: is the nearest sentence by cosine the translation? Both directions and their mean."""
    from fairseq_xling.evaluation.averages import averages
    from fairseq_xling.evaluation.score import with_means
    from fairseq_xling.evaluation.tatoeba import tatoeba_scores

    if faults := list(_faults(args)):
        raise ConfigError(faults, "evaluate tatoeba")
    named = dict(_named(average) for average in args.average)
    name = "surface.accuracy" if args.encoder else "tatoeba.accuracy"
    scores = []
    for test, baseline in _folder_tests(args) if args.folder else [_single(args)]:
        found = tatoeba_scores(test, name, args.at, args.compare, args.unshared, baseline)
        if args.unshared and not any(score.name.endswith(".unshared") for score in found):
            note(f"{test.pairs[0]}: every sentence shares a word with its translation, so none is left to score")
        scores += sure(found, args)
    return [*with_means(scores), *(mean for title, codes in named.items() for mean in averages(scores, title, codes))]


def _faults(args: argparse.Namespace) -> Iterator[str]:
    if bool(args.folder) == bool(args.source or args.target):
        yield "give either --folder or both --source and --target"
    elif not args.folder and not (args.source and args.target):
        yield "--source and --target go together. Give both"
    if args.folder and bool(args.vectors) == bool(args.encoder):
        yield "--folder needs one of --vectors DIR and --encoder surface"
    if args.folder and (args.source_text or args.target_text):
        yield "--folder names the texts. Leave --source-text and --target-text out"
    for option in ("vectors", "average", "baseline_vectors"):
        if getattr(args, option) and not args.folder:
            yield f"--{option.replace('_', '-')} goes with --folder. Give it, or name vectors one by one"
    if bool(args.baseline_source) != bool(args.baseline_target):
        yield "--baseline-source and --baseline-target go together. Give both"
    if args.baseline_source and args.folder:
        yield "--baseline-source is for one test set. With --folder, give --baseline-vectors"
    if sum(map(bool, (args.baseline_source, args.baseline_vectors, args.baseline_encoder))) > 1:
        yield "there are several baselines. Give one"
    if args.baseline_encoder and not (args.folder or args.source_text or args.encoder):
        yield "--baseline-encoder surface reads the texts. Give --source-text and --target-text"


def _named(average: str) -> tuple[str, list[str]]:
    """`xtreme-36`, or `name=file`: (name, codes)."""
    from fairseq_xling.evaluation.averages import XTREME_36

    name, equals, path = average.partition("=")
    if equals:
        return name, [line.strip() for line in read_lines(path) if line.strip()]
    if name != "xtreme-36":
        raise ConfigError(f"--average {name} is not known. Write its codes into a file: --average {name}=FILE")
    return name, list(XTREME_36)


def _folder_tests(args: argparse.Namespace) -> Iterator[tuple[TestSet, TestSet | None]]:
    from fairseq_xling.evaluation.readers import read_tatoeba, tatoeba_pairs

    fitted = [line for path in args.fit or [] for line in read_lines(path)]
    for pair in tatoeba_pairs(args.folder):
        texts = read_tatoeba(args.folder, pair)
        test = _encoded(args, pair, texts, fitted) if args.vectors is None else _opened(args, pair, texts, args.vectors)
        baseline = None
        if args.baseline_vectors:
            baseline = _opened(args, pair, texts, args.baseline_vectors)
        elif args.baseline_encoder:
            baseline = _encoded(args, pair, texts, fitted)
        yield test, baseline


def _encoded(args: argparse.Namespace, pair: tuple[str, str], texts: Any, fitted: list[str]) -> TestSet:
    from fairseq_xling.evaluation.nearest import TestSet
    from fairseq_xling.text.surface import SurfaceEncoder

    encoder = SurfaceEncoder.fit(fitted or [*texts[0], *texts[1]])
    sides: list[Any] = [encoder.encode_sparse(lines) for lines in texts]
    return TestSet(sides[0], sides[1], texts, pair, args.split, encoder.signature)


def _opened(args: argparse.Namespace, pair: tuple[str, str], texts: Any, folder: str) -> TestSet:
    from fairseq_xling.evaluation.nearest import TestSet
    from fairseq_xling.evaluation.readers import tatoeba_files

    names = [file.name.removesuffix(".gz") for file in tatoeba_files(args.folder, pair)]
    places = [Path(folder, name) for name in names]
    sides = [open_vectors(place if place.is_dir() else f"{place}.npy") for place in places]
    for place, side, lines in zip(places, sides, texts, strict=True):
        same_rows((str(place), side.rows), (place.name, len(lines)))
    return TestSet(sides[0], sides[1], texts, pair, args.split)


def _single(args: argparse.Namespace) -> tuple[TestSet, TestSet | None]:
    from fairseq_xling.evaluation.nearest import TestSet

    test = read_test_set(args)
    if args.baseline_source:
        sides = [open_vectors(path, args.dim) for path in (args.baseline_source, args.baseline_target)]
        for path, side in zip((args.baseline_source, args.baseline_target), sides, strict=True):
            same_rows((path, side.rows), (args.source, test.size))
        return test, TestSet(sides[0], sides[1], test.texts, test.languages, test.split)
    if args.baseline_encoder:
        fitted = [line for path in args.fit or [] for line in read_lines(path)]
        return test, _encoded(args, test.languages, test.texts, fitted)
    return test, None
