"""The rule that makes CRISS CRISS: every round's training starts from the ORIGINAL model (algorithm 2)."""

from __future__ import annotations

import re

from fairseq_xling.errors import RoundError
from fairseq_xling.files import read_manifest
from fairseq_xling.rounds.commands import TRAIN_LOG
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.stages import Product, Stage
from fairseq_xling.rounds.state import RunDirectory

_WEIGHTS = re.compile(r"(?:criss|dual) \| weights before update 1: ([0-9a-f]{64})")


def weights_before(run: RunDirectory, stage: str) -> str:
    """The hash of the live model's weights before the first update, as the task logged it."""
    log = run.place(stage) / TRAIN_LOG
    found = _WEIGHTS.search(log.read_text(encoding="utf-8", errors="replace"))
    if not found:
        raise RoundError(f"{log} does not say from which weights {stage} started")
    return found[1]


def weights_of(run: RunDirectory, stage: str) -> str:
    """The hash of the weights that a stage's model file holds."""
    return str(read_manifest(run.place(stage) / "model" / "manifest.json").counts["weights"])


def check_restart(run: RunDirectory, plan: Plan, stage: Stage) -> None:
    """Raise RoundError unless a round's training started from the original model, or from the first round's weights."""
    if stage.kind != "train":
        return
    found = weights_before(run, stage.name)
    start = next(other for other in plan if other.kind == "train")
    # The first round's, and not what the stage itself names: a plan that warm-starts a round is to be caught, too.
    first, original = start.name, start.inputs["model"]
    assert isinstance(original, Product)
    converted = any(word in ("--fp16", "--bf16") for word in stage.commands[0].words)
    if plan.by_name[original.stage].kind == "prepare" or converted:  # random weights, or others in another precision
        expected, whose = weights_before(run, first), first
    else:
        expected, whose = weights_of(run, original.stage), original.stage
    if found != expected:
        raise RoundError(
            f"{stage.name} started from weights {found[:12]}, but those of {whose} are {expected[:12]}: a round must "
            f"start from the original model. Remove {run.place(stage.name)} and run again"
        )
