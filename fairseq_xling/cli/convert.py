"""Convert a model from one library's format to another's; DST is a folder, whole or not there at all.

  fairseq-xling convert --from fairseq --to huggingface checkpoint_best.pt DST
  fairseq-xling convert --from huggingface --to fairseq SRC DST
  fairseq-xling convert --from fairseq --to sentence-transformers checkpoint_best.pt DST
  fairseq-xling convert --from fairseq --to fairseq checkpoint_best.pt DST

fairseq: an mBART, CRISS, XLM-R or dual-encoder checkpoint; as DST model.pt, dict.txt, spm.model, all that `encode`,
`translate` and fairseq need, without the optimizer's state, paths and times. huggingface: a folder with config.json,
model.safetensors and tokenizer files for AutoTokenizer and AutoModelForSeq2SeqLM (mBART, CRISS) or
AutoModelForMaskedLM (XLM-R, dual encoders with XLM-R's tower). sentence-transformers: a folder whose vectors are those
of `encode`; loading it needs this package. Nothing is downloaded: SRC is on disk.

Equal weights give equal bytes. manifest.json says their hash as the task `criss` logs it before its first update.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fairseq_xling.cli.models import add_files, model_choice
from fairseq_xling.cli.output import emit_json, note
from fairseq_xling.errors import CheckpointError, ConfigError

SOURCES = ("fairseq", "huggingface")
TARGETS = ("fairseq", "huggingface", "sentence-transformers")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source_format", choices=SOURCES, required=True, help="what SRC is")
    parser.add_argument("--to", dest="target_format", choices=TARGETS, required=True, help="what DST becomes")
    parser.add_argument(
        "--lang",
        metavar="CODE",
        help="the language whose token DST puts behind every line; needed where the model reads `x </s> [src]`, and "
        "refused elsewhere",
    )
    parser.add_argument("checkpoint", metavar="SRC", help="the checkpoint, or Hugging Face's folder")
    parser.add_argument("output", metavar="DST", help="the folder to make, whole or not at all")
    add_files(parser)
    parser.add_argument("--json", action="store_true", help="print what was written as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    _check(args)
    choice = model_choice(args)
    if args.source_format == "huggingface":
        from fairseq_xling.interchange.huggingface import from_huggingface

        manifest = from_huggingface(args.checkpoint, args.output, args.spm)
    elif args.target_format == "fairseq":
        from fairseq_xling.interchange.slim import slim_folder

        manifest = slim_folder(choice, args.output)
    elif args.target_format == "huggingface":
        from fairseq_xling.interchange.huggingface import to_huggingface

        manifest = to_huggingface(choice, args.output, args.lang)
    else:
        from fairseq_xling.interchange.sentence_transformers import to_sentence_transformers

        manifest = to_sentence_transformers(choice, args.output, args.lang)
    note(f"{args.source_format} to {args.target_format}: {', '.join(manifest.outputs)} in {args.output}")
    if left_out := manifest.counts.get("pieces_left_out"):
        note(f"{left_out} pieces of the SentencePiece model are not in the dictionary; README.md says what follows")
    if args.json:
        emit_json({"output": args.output, "files": manifest.outputs, **manifest.counts})
    return 0


def _check(args: argparse.Namespace) -> None:
    """What can be said before anything is read."""
    if args.source_format == "huggingface":
        if args.target_format != "fairseq":
            raise ConfigError(
                f"--from huggingface --to {args.target_format} takes two steps. Convert --to fairseq first, and its "
                "model.pt from there"
            )
        given = {"--dict": args.dict, "--langs": args.langs, "--lang": args.lang}
        named = [name for name, value in given.items() if value]
        if named:
            raise ConfigError(f"{' and '.join(named)} cannot be used with --from huggingface, whose folder says it")
    elif Path(args.checkpoint).is_dir():
        raise CheckpointError(
            f"{args.checkpoint} is a folder, but a checkpoint is a file. Name it (model.pt), or say --from huggingface"
        )
    if args.target_format == "fairseq" and args.lang:
        raise ConfigError("--lang is for tokenizers and has no meaning with --to fairseq. Leave it out")
