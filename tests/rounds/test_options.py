"""Rules of the sections that no verb reads."""

from __future__ import annotations

import pytest

from fairseq_xling.configs import read_config
from fairseq_xling.errors import ConfigError
from fairseq_xling.rounds.options import EvaluationConfig, LanguageConfig, PretrainConfig, StartConfig, TrainingConfig


def test_updates_of_each_round() -> None:
    assert [TrainingConfig(max_update=7).updates(number) for number in (1, 2)] == [7, 7]
    assert [TrainingConfig(max_update=[3, 5]).updates(number) for number in (1, 2, 3)] == [3, 5, 5]


@pytest.mark.parametrize(
    ("start", "has_model"),
    [({"miner": "surface"}, False), ({"miner": "surface", "pretrain": {}}, True), ({"pretrain": {}}, True)],
)
def test_has_model(start: dict[str, object], has_model: bool) -> None:
    assert read_config(StartConfig, start, "start").has_model is has_model


@pytest.mark.parametrize(
    ("cls", "values", "fault"),
    [
        (LanguageConfig, {"sentences": 0}, "`sentences` must be at least 1"),
        (PretrainConfig, {"save_every": 0}, "`save_every` must be at least 1"),
        (StartConfig, {"checkpoint": "c", "spm": "s", "dict": "d", "pretrain": {}}, "exclude each other"),
        (StartConfig, {"pretrain": {}, "spm": "s"}, "belong to a `checkpoint`"),
        (TrainingConfig, {"source_token": "both"}, "must be one of none, suffix"),
        (EvaluationConfig, {"metrics": "bleu"}, "`metrics` must be a list"),
    ],
)
def test_faults(cls: type, values: dict[str, object], fault: str) -> None:
    from pathlib import Path

    given = {name: Path(value) if name in ("checkpoint", "spm", "dict") else value for name, value in values.items()}  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=fault):
        read_config(cls, given, "section")
