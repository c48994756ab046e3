from __future__ import annotations

from pathlib import Path

import pytest

from fairseq_xling.report.reading import Run
from fairseq_xling.report.training import curves, read_curve, thinned


def test_pretraining_first_then_rounds(run: Run) -> None:
    found = curves(run)
    assert [curve.stage for curve in found] == ["pretrain", "round-01/train", "round-02/train"]
    assert found[0].training == [(100, 9), (200, 4.5)]
    assert found[1].last == 3


def log(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "train.log"
    path.write_text("".join(f"2026-11-20 19:36:23 | INFO | {line}\n" for line in lines))
    return path


def test_a_training_that_went_on_counts_what_was_said_last(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        'train_inner | {"num_updates": "100", "loss": "8"}',
        'train_inner | {"num_updates": "200", "loss": "7"}',
        'train_inner | {"num_updates": "100", "loss": "6"}',
        'valid | {"valid_num_updates": "200", "valid_loss": "5"}',
        'train_inner | {"num_updates": "300", "lo',
        'train_inner | {"num_updates": "400", "loss": "nan"}',
        'train_inner | {"num_updates": "500"}',
        "fairseq_cli.train | {'loss': 1}",
    )
    curve = read_curve("round-01/train", path)
    assert curve.training == [(100, 6), (200, 7)]
    assert curve.validation == [(200, 5)]
    assert curve.round == 1


def test_a_short_training_shows_its_epochs(tmp_path: Path) -> None:
    path = log(tmp_path, 'train | {"train_num_updates": "6", "train_loss": "8.6"}')
    assert read_curve("pretrain", path).training == [(6, 8.6)]
    assert read_curve("pretrain", log(tmp_path)).last is None


@pytest.mark.parametrize("length", [0, 1, 399, 400, 401, 5000])
def test_thinning_keeps_both_ends(length: int) -> None:
    points = [(float(i), 1.0) for i in range(length)]
    kept = thinned(points)
    assert len(kept) <= 401
    assert [*kept[:1], *kept[-1:]] == [*points[:1], *points[-1:]]
    assert set(kept) <= set(points)
