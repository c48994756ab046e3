"""A round that does not start from the original model is caught, whatever else its log says."""

from __future__ import annotations

from pathlib import Path

import pytest
from references.stub_rounds import drive

from fairseq_xling.errors import RoundError
from fairseq_xling.files import Manifest, write_manifest
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.restart import check_restart, weights_before, weights_of
from fairseq_xling.rounds.stages import Command, Product, Stage
from fairseq_xling.rounds.state import RunDirectory

A, B = "a" * 64, "b" * 64


def training(number: int, weights: str, original: str, *words: str) -> Stage:
    script = f"echo 'INFO | criss | weights before update 1: {weights}' > $0/train.log; exit 0"
    command = Command(("sh", "-c", script, "{out}", str(number), *words))
    return Stage(f"round-{number:02d}/train", "train", (command,), {"model": Product(original)}, ("train.log",))


def run_of(tmp_path: Path, kind: str, *trainings: Stage) -> tuple[RunDirectory, Plan]:
    original = Stage(kind, kind, (Command(("touch", "{out}/x")),), {}, ("x",))
    plan = Plan([original, *trainings])
    drive(tmp_path / "R", plan)
    run = RunDirectory(tmp_path / "R")
    (run.place(kind) / "model").mkdir()
    write_manifest(run.place(kind) / "model" / "manifest.json", Manifest("model", {}, {}, {}, {"weights": A}))
    return run, plan


def check(run: RunDirectory, plan: Plan) -> None:
    for stage in plan:
        check_restart(run, plan, stage)


def test_all_rounds_from_the_original(tmp_path: Path) -> None:
    run, plan = run_of(tmp_path, "pretrain", training(1, A, "pretrain"), training(2, A, "pretrain"))
    check(run, plan)
    assert weights_before(run, "round-02/train") == weights_of(run, "pretrain") == A


def test_a_warm_start_is_caught(tmp_path: Path) -> None:
    run, plan = run_of(tmp_path, "pretrain", training(1, A, "pretrain"), training(2, B, "pretrain"))
    with pytest.raises(
        RoundError, match=r"round-02/train started from weights b+, but those of pretrain are a+: .* Remove"
    ):
        check(run, plan)


@pytest.mark.parametrize(("kind", "words"), [("prepare", ()), ("pretrain", ("--fp16",))])
def test_random_or_converted_weights_are_those_of_the_first_round(tmp_path: Path, kind: str, words: tuple[str]) -> None:
    run, plan = run_of(tmp_path, kind, training(1, B, kind, *words), training(2, B, kind, *words))
    check(run, plan)
    (tmp_path / "more").mkdir()
    run, plan = run_of(tmp_path / "more", kind, training(1, B, kind, *words), training(2, A, kind, *words))
    with pytest.raises(RoundError, match="those of round-01/train are b"):
        check(run, plan)


def test_a_log_that_does_not_say(tmp_path: Path) -> None:
    run, plan = run_of(tmp_path, "pretrain", training(1, "none", "pretrain"))
    with pytest.raises(RoundError, match=r"train.log does not say from which weights round-01/train started"):
        check(run, plan)


def test_a_plan_that_starts_a_round_from_the_round_before_is_caught(tmp_path: Path) -> None:
    run, plan = run_of(tmp_path, "pretrain", training(1, A, "pretrain"), training(2, B, "round-01/train"))
    with pytest.raises(RoundError, match="round-02/train started from weights b.*those of pretrain are a"):
        check(run, plan)
