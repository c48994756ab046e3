"""The options by which `encode` and `translate` name a checkpoint and what belongs to it."""

from __future__ import annotations

import argparse
import logging
import os
from typing import TYPE_CHECKING

from fairseq_xling.languages import parse_languages

if TYPE_CHECKING:
    from fairseq_xling.encoders.opening import ModelChoice

TRUST = "XLING_TRUST_CHECKPOINT"


def quiet_fairseq() -> None:
    """To be called before fairseq is imported, which would have all its logs written to stderr, among our lines."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")


def add_model(parser: argparse.ArgumentParser, place: argparse._ActionsContainer, required: bool = False) -> None:
    """`--checkpoint` into `place`, which may be a group of alternatives; the rest into a group of their own."""
    option = place.add_argument("--checkpoint", metavar="C", help="a CRISS or mBART checkpoint that fairseq wrote")
    option.required = required
    add_files(parser)


def add_files(parser: argparse.ArgumentParser) -> None:
    """What belongs to a checkpoint, where it is not found by itself."""
    group = parser.add_argument_group("model")
    where = "beside the checkpoint, or in the DATA folder of its training"
    group.add_argument("--dict", metavar="D.txt", help=f"the model's dictionary (default: dict.txt {where})")
    group.add_argument(
        "--spm",
        metavar="M",
        help=f"its SentencePiece model (default: spm.model {where}); none: the lines consist of pieces already",
    )
    group.add_argument(
        "--langs",
        metavar="CODES",
        help="the model's languages in the order of its training, ar_AR,cs_CZ,… (default: what checkpoint and "
        "dictionary say)",
    )
    group.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help=f"load a checkpoint even if that runs code of its author's; {TRUST}=1 does the same",
    )


def model_choice(args: argparse.Namespace) -> ModelChoice:
    """What the options name; trust and quiet are set for this process."""
    quiet_fairseq()
    from fairseq_xling.encoders.opening import ModelChoice

    if args.trust_checkpoint:
        os.environ[TRUST] = "1"
    return ModelChoice(args.checkpoint, args.dict, args.spm, parse_languages(args.langs) if args.langs else None)
