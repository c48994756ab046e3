"""`evaluate alignment` and `evaluate pca`: what the states of tokens and the vectors of languages look like."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fairseq_xling.errors import ConfigError
from fairseq_xling.evaluation.alignment import COMBINATIONS
from fairseq_xling.files import atomic_write
from fairseq_xling.vectors import open_vectors, unit_rows

if TYPE_CHECKING:
    from fairseq_xling.evaluation.score import Score
    from fairseq_xling.evaluation.tokens import TokenStates


def add_alignment(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input")
    group.add_argument("--source", required=True, metavar="S.npz", help="token states that encode --tokens wrote")
    group.add_argument("--target", required=True, metavar="T.npz", help="those of the target; line i translates line i")
    group.add_argument("--gold", metavar="G", help="gold links of words, a line a pair: i-j sure, i?j possible")
    group.add_argument("--first", type=int, default=0, metavar="N", help="number of a line's first word in --gold")
    group = parser.add_argument_group("links")
    group.add_argument(
        "--combine",
        choices=COMBINATIONS,
        default="intersect",
        help="each token names its nearest one: intersect: pairs that name each other; union: either; forward: the "
        "source names; backward: the target names",
    )
    group = parser.add_argument_group("output")
    group.add_argument("--output", metavar="O", help="write the links of words, a line a pair, as i-j from 0")
    group.add_argument("--svg", metavar="O.svg", help="write a picture of the pair in line --line")
    group.add_argument("--line", type=int, default=1, metavar="N", help="which pair the picture shows, from 1")


def score_alignment(args: argparse.Namespace) -> Iterable[Score]:
    """Which tokens of a sentence pair align, nearest by cosine: links of words, a picture, AER against gold links."""
    from fairseq_xling.evaluation import alignment
    from fairseq_xling.evaluation.tokens import open_token_states

    if not (args.gold or args.output or args.svg):
        raise ConfigError("give --gold G, --output O or --svg O.svg", "evaluate alignment")
    source, target = open_token_states(args.source), open_token_states(args.target)
    links = alignment.aligned_words(source, target, args.combine)
    if args.output:
        with atomic_write(args.output) as stream:
            stream.writelines(f"{alignment.pharaoh(some)}\n" for some in links)
    if args.svg:
        _draw(args, source, target)
    if not args.gold:
        return []
    pair = f"{args.source_language}-{args.target_language}"
    made = alignment.both_signatures(source, target, args.combine)
    return alignment.alignment_scores(links, alignment.read_alignment(args.gold, args.first), made, pair, args.split)


def _draw(args: argparse.Namespace, source: TokenStates, target: TokenStates) -> None:
    from fairseq_xling.evaluation.alignment import aligned_tokens, token_cosines
    from fairseq_xling.evaluation.pictures import alignment

    if not 1 <= args.line <= len(source):
        raise ConfigError(f"--line must be between 1 and {len(source)}, but is {args.line}")
    here, there = source.line(args.line - 1), target.line(args.line - 1)
    cosines = token_cosines(source.states[here], target.states[there])
    chosen = aligned_tokens(cosines, args.combine)
    title = f"cosines of tokens, {args.source_language}-{args.target_language}, line {args.line}"
    sides = source.tokens[here], target.tokens[there]
    with atomic_write(args.svg) as stream:
        stream.write(alignment(title, *sides, cosines.tolist(), chosen.tolist()))


def add_pca(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input")
    group.add_argument(
        "--vectors",
        nargs="+",
        required=True,
        metavar="XX=X",
        help="each language's vectors: .npy, or what encode wrote",
    )
    group.add_argument("--most", type=int, default=500, metavar="N", help="only the first N lines of each language")
    group = parser.add_argument_group("output")
    group.add_argument("--svg", metavar="O.svg", help="write the picture: a dot a sentence, a colour a language")


def score_pca(args: argparse.Namespace) -> Iterable[Score]:
    """Two principal components of several languages' sentence vectors: do the languages lie apart, or together?"""
    from fairseq_xling.evaluation.pictures import points
    from fairseq_xling.evaluation.principal import principal_points, principal_scores

    named = dict[str, str]()
    for text in args.vectors:
        code, equals, path = text.partition("=")
        if not equals or code in named:
            raise ConfigError(f"`{text}` is not CODE=VECTORS with a code of its own", "evaluate pca")
        named[code] = path
    if len(named) < 2:
        raise ConfigError("give at least two languages: --vectors fur=fur.vec eng=eng.vec", "evaluate pca")
    if args.most < 2:
        raise ConfigError(f"--most must be at least 2, but is {args.most}")
    opened = {code: open_vectors(path) for code, path in named.items()}
    if len({vectors.dim for vectors in opened.values()}) > 1:
        raise ConfigError("the vectors have different dimensions. Encode all with the same model", "evaluate pca")
    vectors = {code: unit_rows(found.read(0, args.most)) for code, found in opened.items()}
    if args.svg:
        clouds, share = principal_points(vectors)
        title = f"two principal components, {100 * share:.0f} % of the variance"
        with atomic_write(args.svg) as stream:
            stream.write(points(title, {code: [(x, y) for x, y in cloud] for code, cloud in clouds.items()}))
    return principal_scores(vectors, args.split)
