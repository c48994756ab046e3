"""Convert a model from one library's format to another's.

  fairseq-xling convert --from fairseq --to fairseq checkpoint_best.pt DST

fairseq to fairseq: DST becomes model.pt, dict.txt, spm.model and manifest.json, all that `encode`, `translate` and
stock fairseq need. The optimizer's state, paths and times are left out: equal weights give equal bytes, and the
manifest says the weights' hash as the task `criss` logs it before its first update.
"""

from __future__ import annotations

import argparse

from fairseq_xling.cli.models import add_files, model_choice
from fairseq_xling.cli.output import emit_json, note

FORMATS = ("fairseq",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source_format", choices=FORMATS, required=True, help="what SRC is")
    parser.add_argument("--to", dest="target_format", choices=FORMATS, required=True, help="what DST becomes")
    parser.add_argument("checkpoint", metavar="SRC", help="the checkpoint")
    parser.add_argument("output", metavar="DST", help="the folder to make, whole or not at all")
    add_files(parser)
    parser.add_argument("--json", action="store_true", help="print what was written as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    choice = model_choice(args)
    from fairseq_xling.interchange.slim import slim_folder

    manifest = slim_folder(choice, args.output)
    note(f"{args.source_format} to {args.target_format}: {', '.join(manifest.outputs)} in {args.output}")
    if args.json:
        emit_json({"output": args.output, "files": manifest.outputs, **manifest.counts})
    return 0
