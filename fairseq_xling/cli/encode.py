"""Sentences to vectors, row i for line i, in a directory of shards that mine, score and evaluate read.

  fairseq-xling encode --encoder surface --lang fur --input fur.txt --fit fur.txt lij.txt --svd 300 --output fur.vectors

surface: TF-IDF of character n-grams, projected to --svd or --hashed dimensions; texts that are to be compared must be
fitted on the same --fit files. The fitted state is kept in OUTPUT/encoder; give that directory as --fit to encode other
texts in the same space. (mine --encoder surface compares n-grams without projection and is a little better.)

An interrupted run leaves whole shards; the same command with --resume goes on after the last of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairseq_xling.cli.output import emit_json, note, progress
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import is_finished, read_lines, sha256_file

if TYPE_CHECKING:
    from fairseq_xling.text.surface import SurfaceEncoder

SURFACE_DIM = 300


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--encoder", choices=("surface",), required=True, help="surface: character n-grams, no model")
    parser.add_argument("--lang", metavar="CODE", help="language of the text; kept in the manifest")
    parser.add_argument("--input", required=True, metavar="F.txt", help="the sentences, one a line; .gz by name")
    parser.add_argument("--output", required=True, metavar="DIR", help="the directory of shards")
    parser.add_argument("--shard-size", type=int, default=100_000, metavar="N", help="rows of one shard")
    parser.add_argument("--resume", action="store_true", help="keep the whole shards of an interrupted run")
    parser.add_argument("--json", action="store_true", help="print rows, dimension and signature as JSON on stdout")
    group = parser.add_argument_group("surface encoder")
    group.add_argument("--fit", nargs="+", metavar="F", help="texts to fit, or one fitted state (default: the input)")
    group.add_argument("--svd", type=int, metavar="D", help=f"project to D leading directions (default: {SURFACE_DIM})")
    group.add_argument("--hashed", type=int, metavar="D", help="hash n-grams to D buckets instead")


def run(args: argparse.Namespace) -> int:
    from fairseq_xling.encoders.stream import Work, encode_to_shards
    from fairseq_xling.vectors import VectorWriter

    lines = read_lines(args.input)
    encoder, fitted = _surface(args, lines)
    work = Work({"encoder": encoder.signature}, {args.input: sha256_file(args.input), **fitted}, args.lang)
    writer = VectorWriter(args.output, args.shard_size)
    with progress(len(lines), "line", "encode") as bar:
        manifest = encode_to_shards(encoder, lines, writer, work, args.resume, bar.update)
    encoder.save(Path(args.output) / "encoder", fitted)
    note(f"{len(lines)} lines, {encoder.dim} dimensions, {len(manifest.outputs)} shard(s)\n{encoder.signature}")
    if args.json:
        facts = {"rows": len(lines), "dim": encoder.dim, "shards": len(manifest.outputs)}
        emit_json({"output": args.output, "signature": encoder.signature, **facts})
    return 0


def _surface(args: argparse.Namespace, lines: list[str]) -> tuple[SurfaceEncoder, Mapping[str, Any]]:
    """(the encoder, what it was fitted on with sha256)."""
    from fairseq_xling.text.surface import SurfaceEncoder

    named = args.fit or [args.input]
    hashes = {path: sha256_file(path) for path in named}
    if len(named) == 1 and is_finished(named[0]):
        if args.svd or args.hashed:
            raise ConfigError(f"{named[0]} is already fitted, with its own projection. Leave --svd and --hashed out")
        return SurfaceEncoder.load(named[0]), hashes
    text = [line for path in named for line in read_lines(path)] if args.fit else lines
    svd = args.svd or (None if args.hashed else SURFACE_DIM)
    return SurfaceEncoder.fit(text, svd=svd, hashed=args.hashed), hashes
