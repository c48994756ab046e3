"""`evaluate translation`: what it reads, how it is called, and the matrix of many directions."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fairseq_xling.cli.evaluate_chance import add_bootstrap, read_bootstrap
from fairseq_xling.cli.output import note
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import iterate_lines, read_lines

if TYPE_CHECKING:
    from fairseq_xling.evaluation.score import Score
    from fairseq_xling.evaluation.translation import Translations

# Written out, because evaluation.translation needs numpy, which `--help` has no time for.
_METRICS = ("bleu", "chrf", "ter")
_FORM = "source language TAB target language TAB source file TAB hypothesis file TAB reference file"


def add_translation(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input")
    group.add_argument("--hypothesis", metavar="H", help="the translations, a line each")
    group.add_argument("--reference", metavar="R", help="what people wrote; line i of H is held against line i of R")
    group.add_argument("--source", metavar="S", help="what was translated, for the baseline that copies it")
    group.add_argument(
        "--baseline",
        metavar="H2",
        help="another system's translations: its score, and how likely chance makes the two differ",
    )
    group.add_argument("--directions", metavar="F.tsv", help=f"many texts, a matrix of scores: {_FORM}")
    group = parser.add_argument_group("score")
    group.add_argument("--metrics", nargs="+", choices=_METRICS, default=["bleu", "chrf"], help="what to compute")
    group.add_argument(
        "--tokenize",
        metavar="NAME",
        help="sacreBLEU's word for how BLEU splits (default: its own choice for the target language, mostly 13a)",
    )
    group.add_argument(
        "--unshared",
        action="store_true",
        help="also score the sentences whose source and reference share no word string",
    )
    add_bootstrap(group)


def score_translation(args: argparse.Namespace) -> Iterable[Score]:
    """BLEU, chrF and TER through sacreBLEU, of one text or of all directions, and of the source copied."""
    from fairseq_xling.evaluation.score import with_means
    from fairseq_xling.evaluation.translation import translation_scores

    tests, bootstrap = _tests(args), read_bootstrap(args)
    baseline = _aligned(args.baseline, args.reference) if args.baseline else None
    scores = []
    for test in tests:
        found = translation_scores(test, args.metrics, args.tokenize, args.unshared, bootstrap, baseline)
        if args.unshared and not any(score.name.endswith(".unshared") for score in found):
            note(f"{test.pair}: source and reference share a word in every sentence, so nothing is left to score")
        scores += found
    return with_means(scores)


def direction_pairs(path: str) -> list[tuple[str, str]]:
    """The pairs of languages in a file of directions."""
    return [languages for languages, _ in read_directions(path)]


def _tests(args: argparse.Namespace) -> list[Translations]:
    single = {name: getattr(args, name) for name in ("hypothesis", "reference", "source", "baseline")}
    if args.directions:
        named = [name for name, path in single.items() if path]
        if named:
            fault = f"--{named[0]} and --directions exclude each other. Write it into {args.directions}"
            raise ConfigError(fault, "evaluate translation")
        return [_read(*direction, args.split) for direction in read_directions(args.directions)]
    if not (args.hypothesis and args.reference):
        raise ConfigError("give --hypothesis and --reference, or --directions F.tsv", "evaluate translation")
    if args.unshared and not args.source:
        raise ConfigError("--unshared needs --source, to see what it shares with the reference", "evaluate translation")
    languages = (args.source_language, args.target_language)
    return [_read(languages, (args.source, args.hypothesis, args.reference), args.split)]


def read_directions(path: str) -> list[tuple[tuple[str, str], tuple[str, str, str]]]:
    """((source, target) languages, (source, hypothesis, reference) files) of each line; all faults at once."""
    found, faults = list[tuple[tuple[str, str], tuple[str, str, str]]](), list[str]()
    for number, line in enumerate(iterate_lines(path), start=1):
        cells = line.split("\t")
        if len(cells) != 5 or not all(cells):
            if line.strip():
                faults.append(f"{path}:{number} is not `{_FORM}`")
            continue
        languages = (cells[0], cells[1])
        if any(languages == earlier for earlier, _ in found):
            faults.append(f"{path}:{number}: {'-'.join(languages)} was there before")
        found.append((languages, (cells[2], cells[3], cells[4])))
    if not found and not faults:
        faults.append(f"{path} names no text. Write a line `{_FORM}` for each")
    if faults:
        raise ConfigError(faults)
    return found


def _read(languages: tuple[str, str], files: tuple[str | None, str, str], split: str) -> Translations:
    from fairseq_xling.evaluation.translation import Translations

    source, hypothesis, reference = files
    sources = _aligned(source, reference) if source else None
    return Translations(_aligned(hypothesis, reference), read_lines(reference), sources, languages, split)


def _aligned(path: str, reference: str) -> list[str]:
    """The lines of a file that must have as many as the reference."""
    lines, most = read_lines(path), len(read_lines(reference))
    if len(lines) != most:
        raise CorpusError(f"{path} has {len(lines)} lines, but {reference} has {most}. Align them line by line.")
    return lines
