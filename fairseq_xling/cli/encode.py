"""Sentences to vectors, row i for line i, in a directory of shards that mine, score and evaluate read.

  fairseq-xling encode --checkpoint model.pt --lang ro_RO --input ro.txt --output ro.vectors
  fairseq-xling encode --encoder surface --lang fur --input fur.txt --fit fur.txt lij.txt --output fur.vectors

checkpoint: the mean of an encoder layer's states over all tokens of `x </s>`; of a dual encoder, what its pooling
gives; of an XLM-R, the mean over `<s> x </s>`. The dictionary (dict.txt) and the
SentencePiece model (spm.model) are looked for beside the checkpoint and in the DATA folder of its training; name them
with --dict and --spm where they lie elsewhere. An empty line has the vector of `</s>`; a line that is too long is cut,
and how many were is said.

surface: TF-IDF of character n-grams, hashed to so many dimensions; texts that are to be compared must be fitted on the
same --fit files. (--svd gives shorter vectors that retrieve much worse: docs/surface.md.) The fitted state is kept in
OUTPUT/encoder; give that directory as --fit to encode other texts in the same space. (mine --encoder surface compares
the n-grams themselves, which is a little better still.)

--tokens T.npz writes the states of every token too, for `evaluate alignment`: 4 bytes a dimension and token, which is
for some thousand lines.

An interrupted run leaves whole shards; the same command with --resume goes on after the last of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairseq_xling.cli.models import add_model, model_choice
from fairseq_xling.cli.options import add_config, config_from, config_values
from fairseq_xling.cli.output import emit_json, note, progress
from fairseq_xling.configs import read_config
from fairseq_xling.encoders.options import EncodingConfig
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import Manifest, is_finished, read_lines, sha256_file
from fairseq_xling.protocols import SentenceEncoder

if TYPE_CHECKING:
    from fairseq_xling.encoders.stream import Work
    from fairseq_xling.text.surface import SurfaceEncoder

SURFACE_DIM = 8192
_SURFACE_ONLY = ("fit", "svd", "hashed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    add_model(parser, which)
    which.add_argument("--encoder", choices=("surface",), help="surface: character n-grams, no model")
    parser.add_argument("--lang", metavar="CODE", help="language of the text; kept in the manifest")
    parser.add_argument("--input", required=True, metavar="F.txt", help="the sentences, one a line; .gz by name")
    parser.add_argument("--output", required=True, metavar="DIR", help="the directory of shards")
    parser.add_argument("--shard-size", type=int, default=100_000, metavar="N", help="rows of one shard")
    parser.add_argument("--resume", action="store_true", help="keep the whole shards of an interrupted run")
    parser.add_argument("--json", action="store_true", help="print rows, dimension and signature as JSON on stdout")
    encoding = parser.add_argument_group("with a checkpoint")
    add_config(encoding, EncodingConfig)
    encoding.add_argument(
        "--language-token",
        action=argparse.BooleanOptionalAction,
        help="encode `x </s> [language]` (default: as the checkpoint was trained, without where it does not say)",
    )
    encoding.add_argument("--tokens", metavar="T.npz", help="write every token's state, for evaluate alignment")
    group = parser.add_argument_group("surface encoder")
    group.add_argument("--fit", nargs="+", metavar="F", help="texts to fit, or one fitted state (default: the input)")
    group.add_argument("--svd", type=int, metavar="D", help="project to D leading directions instead")
    group.add_argument("--hashed", type=int, metavar="D", help=f"hash n-grams to D buckets (default: {SURFACE_DIM})")


def run(args: argparse.Namespace) -> int:
    return _with_checkpoint(args) if args.checkpoint else _with_surface(args)


def _with_checkpoint(args: argparse.Namespace) -> int:
    named = [f"--{name}" for name in _SURFACE_ONLY if getattr(args, name)]
    if named:
        raise ConfigError(f"{', '.join(named)} are for --encoder surface. Leave them out with a checkpoint")
    config = config_from(args, EncodingConfig)
    lines = read_lines(args.input)
    choice = model_choice(args)
    from fairseq_xling.encoders.checkpoint import CheckpointEncoder
    from fairseq_xling.encoders.opening import open_encoder
    from fairseq_xling.encoders.stream import Work

    opened = open_encoder(choice)
    encoder = CheckpointEncoder(opened, config)
    encoder.check_language(args.lang)
    inputs = {args.input: sha256_file(args.input), **opened.inputs}
    work = Work({"encoder": encoder.signature}, inputs, args.lang)
    started = time.perf_counter()
    with progress(len(lines), "line", "encode") as bar:
        shards = _Bar(bar)
        encoder.on_batch = shards.batch
        manifest = _to_shards(args, encoder, lines, work, shards.shard)
    if args.tokens:
        states = CheckpointEncoder(opened, config).token_states(lines, args.lang)
        states.save(args.tokens)
        note(f"{len(states.tokens)} token states in {args.tokens}")
    if encoder.cut:
        longest = config.max_length or opened.longest
        note(f"{encoder.cut} lines had more than {longest} tokens and lost their end")
    rate = shards.encoded / max(time.perf_counter() - started, 1e-9)
    note(f"{shards.encoded} of {len(lines)} lines encoded in this run, {rate:.0f} a second")
    _report(args, encoder, manifest, {"cut": encoder.cut})
    return 0


class _Bar:
    """A progress bar that moves with every batch, and over shards that were there already."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._in_shard = 0
        self.encoded = 0

    def batch(self, lines: int) -> None:
        self._in_shard += lines
        self.encoded += lines
        self._bar.update(lines)

    def shard(self, lines: int) -> None:
        """`lines` are done; those that no batch has counted were there before and say nothing about the rate."""
        before = lines - self._in_shard
        if before and not self._bar.disable:
            self._bar.initial += before
        self._bar.update(before)
        self._in_shard = 0


def _with_surface(args: argparse.Namespace) -> int:
    given = config_values(args, EncodingConfig)
    plain = read_config(EncodingConfig, {}, "options")
    named = [f"--{name}".replace("_", "-") for name, value in given.items() if value != getattr(plain, name)]
    named += [f"--{name}" for name in ("dict", "spm", "langs", "tokens") if getattr(args, name)]
    if named:
        raise ConfigError(f"{', '.join(named)} are for --checkpoint. Leave them out with --encoder surface")
    from fairseq_xling.encoders.stream import Work

    lines = read_lines(args.input)
    encoder, fitted = _surface(args, lines)
    work = Work({"encoder": encoder.signature}, {args.input: sha256_file(args.input), **fitted}, args.lang)
    with progress(len(lines), "line", "encode") as bar:
        manifest = _to_shards(args, encoder, lines, work, bar.update)
    encoder.save(Path(args.output) / "encoder", fitted)
    _report(args, encoder, manifest, {})
    return 0


def _to_shards(
    args: argparse.Namespace, encoder: SentenceEncoder, lines: list[str], work: Work, moved: Any
) -> Manifest:
    from fairseq_xling.encoders.stream import encode_to_shards
    from fairseq_xling.vectors import VectorWriter

    return encode_to_shards(encoder, lines, VectorWriter(args.output, args.shard_size), work, args.resume, moved)


def _report(args: argparse.Namespace, encoder: SentenceEncoder, manifest: Manifest, more: dict[str, Any]) -> None:
    rows, shards = manifest.counts["rows"], len(manifest.outputs)
    note(f"{rows} lines, {encoder.dim} dimensions, {shards} shard(s)\n{encoder.signature}")
    if args.json:
        facts = {"rows": rows, "dim": encoder.dim, "shards": shards, **more}
        emit_json({"output": args.output, "signature": encoder.signature, **facts})


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
    hashed = SURFACE_DIM if args.hashed is None and args.svd is None else args.hashed
    return SurfaceEncoder.fit(text, svd=args.svd, hashed=hashed), hashes
