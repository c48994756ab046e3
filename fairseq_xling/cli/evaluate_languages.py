"""`evaluate matrix`, `evaluate layers` and `evaluate shuffle`: many languages, many layers, and the control."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from itertools import combinations, permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairseq_xling.cli.evaluate_chance import add_bootstrap, sure
from fairseq_xling.cli.evaluate_vectors import same_rows
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import atomic_write, read_lines
from fairseq_xling.vectors import open_vectors

if TYPE_CHECKING:
    from fairseq_xling.evaluation.nearest import TestSet
    from fairseq_xling.evaluation.score import Score


def add_matrix(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input")
    group.add_argument(
        "--folder", required=True, metavar="DIR", help="a text for each language: FLORES, NTREX, or SPLIT.code"
    )
    group.add_argument("--vectors", metavar="DIR", help="their vectors, NAME.npy or a directory named like the text")
    group.add_argument("--encoder", choices=("surface",), help="compare the texts by their character n-grams")
    group.add_argument(
        "--fit", nargs="+", metavar="F", help="texts with the surface encoder's statistics (default: all of these)"
    )
    group.add_argument("--languages", nargs="+", metavar="XX", help="only these, in this order (default: all)")
    group = parser.add_argument_group("score")
    group.add_argument("--svg", metavar="O.svg", help="write a heat-map, sources by targets")
    add_bootstrap(group)


def score_matrix(args: argparse.Namespace) -> Iterable[Score]:
    """Tatoeba accuracy, by row number, between all languages of a folder: a table, and a heat-map with --svg."""
    from fairseq_xling.evaluation.pictures import heat_map
    from fairseq_xling.evaluation.score import with_means
    from fairseq_xling.evaluation.tatoeba import tatoeba_scores

    if bool(args.vectors) == bool(args.encoder):
        raise ConfigError("one of --vectors DIR and --encoder surface is needed", "evaluate matrix")
    name = "surface.accuracy" if args.encoder else "tatoeba.accuracy"
    found = [score for test in _pairs(args) for score in tatoeba_scores(test, name, [1], ["index"])]
    scores = [score for score in found if score.name == name]
    if args.svg:
        by_name = {score.pair: score.value for score in scores}
        values = {pair: by_name["-".join(pair)] for pair in matrix_pairs(args)}
        with atomic_write(args.svg) as stream:
            stream.write(heat_map(f"{name} in percent, {args.split}", [*dict.fromkeys(s for s, _ in values)], values))
    return with_means(sure(scores, args))


def matrix_pairs(args: argparse.Namespace) -> list[tuple[str, str]]:
    """Both directions of all pairs, by rows."""
    from fairseq_xling.evaluation.readers import parallel_files

    return list(permutations(args.languages or parallel_files(args.folder, args.split), 2))


def _pairs(args: argparse.Namespace) -> Iterator[TestSet]:
    from fairseq_xling.evaluation.nearest import TestSet
    from fairseq_xling.evaluation.readers import parallel_files, read_parallel

    files = parallel_files(args.folder, args.split)
    unknown = [code for code in args.languages or () if code not in files]
    if unknown:
        raise ConfigError(f"{args.folder} has no text of {', '.join(unknown)}, but of {', '.join(files)}")
    files = {code: files[code] for code in args.languages or files}
    if len(files) < 2:
        raise ConfigError(f"a matrix needs two languages, but {args.folder} has only {', '.join(files)}")
    sides, made = _surface(args, read_parallel(files)) if args.encoder else (_opened(args.vectors, files), None)
    for source, target in combinations(files, 2):
        yield TestSet(sides[source], sides[target], None, (source, target), args.split, made)


def _surface(args: argparse.Namespace, texts: dict[str, list[str]]) -> tuple[dict[str, Any], str]:
    from fairseq_xling.text.surface import SurfaceEncoder

    fitted = [read_lines(path) for path in args.fit] if args.fit else list(texts.values())
    encoder = SurfaceEncoder.fit([line for lines in fitted for line in lines])
    return {code: encoder.encode_sparse(lines) for code, lines in texts.items()}, encoder.signature


def _opened(folder: str, files: dict[str, Path]) -> dict[str, Any]:
    names = {code: Path(folder, path.name.removesuffix(".gz")) for code, path in files.items()}
    sides = {code: open_vectors(_side(place)) for code, place in names.items()}
    first = next(iter(sides))
    for code, side in sides.items():
        same_rows((str(names[code]), side.rows), (str(names[first]), sides[first].rows))
    return sides


def add_layers(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input")
    group.add_argument(
        "--layer",
        nargs="+",
        default=[],
        metavar="N=X,Y",
        help="the vectors that layer N gave of both sides: what encode --layer N wrote",
    )
    group.add_argument("--folder", metavar="DIR", help="or a folder that has them as DIR/N/source and DIR/N/target")
    group = parser.add_argument_group("score")
    group.add_argument("--svg", metavar="O.svg", help="write the curve of accuracy over layers")
    add_bootstrap(group)


def score_layers(args: argparse.Namespace) -> Iterable[Score]:
    """Tatoeba accuracy of each layer's vectors, both directions and their mean: which layer knows translations?"""
    from fairseq_xling.evaluation.layers import layer_curves, layer_scores
    from fairseq_xling.evaluation.nearest import TestSet
    from fairseq_xling.evaluation.pictures import curves
    from fairseq_xling.evaluation.score import with_means

    if bool(args.layer) == bool(args.folder):
        raise ConfigError("give either --layer N=X,Y … or --folder DIR", "evaluate layers")
    places = dict(_layer(text) for text in args.layer) if args.layer else _layers_of(Path(args.folder))
    if args.layer and len(places) < len(args.layer):
        raise ConfigError("a layer is given twice. Give each once", "evaluate layers")
    languages = (args.source_language, args.target_language)
    tests = dict[int, TestSet]()
    for number, paths in sorted(places.items()):
        source, target = (open_vectors(path) for path in paths)
        same_rows((paths[0], source.rows), (paths[1], target.rows))
        tests[number] = TestSet(source, target, None, languages, args.split)
    scores = layer_scores(tests)
    if args.svg:
        with atomic_write(args.svg) as stream:
            stream.write(
                curves(f"accuracy in percent, {'-'.join(languages)}, {args.split}", "layer", layer_curves(scores))
            )
    return with_means(sure(scores, args))


def _layer(text: str) -> tuple[int, tuple[str, str]]:
    match = re.fullmatch(r"(\d+)=([^,]+),([^,]+)", text)
    if match is None:
        raise ConfigError(f"`{text}` is not N=X,Y: the layer's number, the source vectors, the target vectors")
    return int(match[1]), (match[2], match[3])


def _layers_of(folder: Path) -> dict[int, tuple[str, str]]:
    numbers = sorted(int(place.name) for place in folder.glob("*") if place.name.isdecimal())
    if not numbers:
        raise ConfigError(
            f"{folder} has no folders named 0, 1, … with source and target vectors. Name the layers' folder"
        )
    return {n: (_side(folder / str(n) / "source"), _side(folder / str(n) / "target")) for n in numbers}


def _side(place: Path) -> str:
    """A directory of shards, or the .npy of that name."""
    return str(place if place.is_dir() else f"{place}.npy")


def add_shuffle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", required=True, metavar="F", help="the text, as it is encoded")
    parser.add_argument("--output", required=True, metavar="G", help="the same lines with their words in another order")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the orders")


def score_shuffle(args: argparse.Namespace) -> Iterable[Score]:
    """The shuffled-word control: write a text whose lines have their words in random order, to be encoded."""
    from fairseq_xling.evaluation.shuffling import moved, shuffled_words

    lines = read_lines(args.input)
    shuffled = shuffled_words(lines, args.seed)
    with atomic_write(args.output) as stream:
        stream.writelines(f"{line}\n" for line in shuffled)
    return [moved(lines, shuffled, args.seed)]
