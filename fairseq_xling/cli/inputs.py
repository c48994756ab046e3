"""What `mine` and `score` read: vectors or texts of two languages, checked before any work."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fairseq_xling.errors import ConfigError
from fairseq_xling.files import read_lines, sha256_file
from fairseq_xling.vectors import open_vectors

if TYPE_CHECKING:
    from fairseq_xling.text.surface import SurfaceEncoder


@dataclass(frozen=True)
class Sides:
    """Both sides as mining takes them; `texts` for --unify, `written` where the output is to hold the lines."""

    source: Any
    target: Any
    texts: tuple[Sequence[str], Sequence[str]] | None
    written: tuple[Sequence[str], Sequence[str]] | None
    encoder: str | None
    inputs: dict[str, str]


def add_sides(parser: argparse.ArgumentParser) -> None:
    """The options that `mine` and `score` share."""
    group = parser.add_argument_group("input")
    vectors = "a .npy matrix, a directory that encode wrote, raw float32 with --dim; a text file with --encoder surface"
    group.add_argument("--source", required=True, metavar="X", help=f"source vectors: {vectors}")
    group.add_argument("--target", required=True, metavar="Y", help="target vectors, likewise")
    group.add_argument("--dim", type=int, metavar="D", help="length of a vector in a raw float32 file (LASER's format)")
    group.add_argument("--source-text", metavar="F", help="the source lines: the output then holds lines, not ids")
    group.add_argument("--target-text", metavar="F", help="the target lines; goes with --source-text")
    group.add_argument(
        "--encoder",
        choices=("surface",),
        help="surface: X and Y are texts, compared by their character n-grams; no model needed",
    )
    group.add_argument(
        "--fit", nargs="+", metavar="F", help="texts whose n-gram statistics the surface encoder uses (default: X, Y)"
    )


def read_sides(args: argparse.Namespace) -> Sides:
    """Open and check everything the options name."""
    faults = []
    if bool(args.source_text) != bool(args.target_text):
        faults.append("--source-text and --target-text go together. Give both or neither")
    if args.fit and not args.encoder:
        faults.append("--fit is for --encoder surface. Add it, or leave --fit out")
    if args.dim is not None and args.encoder:
        faults.append("--dim describes raw vectors, but --encoder surface reads text. Leave --dim out")
    if faults:
        raise ConfigError(faults)
    named = [args.source, args.target, args.source_text, args.target_text, *(args.fit or [])]
    inputs = {os.fspath(path): sha256_file(path) for path in named if path}
    written = (read_lines(args.source_text), read_lines(args.target_text)) if args.source_text else None
    if args.encoder is None:
        source, target = open_vectors(args.source, args.dim), open_vectors(args.target, args.dim)
        return Sides(source, target, written, written, None, inputs)
    return _surface(args, written, inputs)


def _surface(args: argparse.Namespace, written: Any, inputs: dict[str, str]) -> Sides:
    from fairseq_xling.text.surface import SurfaceEncoder

    texts = read_lines(args.source), read_lines(args.target)
    if args.fit:
        encoder = _fitted(tuple((path, inputs[os.fspath(path)]) for path in args.fit))
    else:
        encoder = SurfaceEncoder.fit([*texts[0], *texts[1]])
    source, target = (encoder.encode_sparse(lines) for lines in texts)
    return Sides(source, target, texts, written, encoder.signature, inputs)


@lru_cache(maxsize=1)
def _fitted(files: tuple[tuple[str, str], ...]) -> SurfaceEncoder:
    """Fitted on files of these paths and contents; a process that mines many pairs fits once."""
    from fairseq_xling.text.surface import SurfaceEncoder

    return SurfaceEncoder.fit([line for path, _ in files for line in read_lines(path)])
