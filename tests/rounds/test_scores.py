"""scores.jsonl: directed scores as the verbs printed them, and their means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from references.stub_rounds import drive

from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.scores import read_scores, write_scores
from fairseq_xling.rounds.stages import Command, Stage
from fairseq_xling.rounds.state import RunDirectory
from fairseq_xling.signatures import signature


def score(pair: str, name: str, value: float, split: str = "test", **fields: object) -> dict[str, object]:
    return {"pair": pair, "name": name, "value": value, "split": split, "signature": signature(**fields)}


def evaluation(name: str, rows: list[dict[str, object]]) -> Stage:
    command = Command(("printf", "%s", json.dumps({"scores": rows})), "scores.json")
    return Stage(name, "evaluate", (command,), {}, ("scores.json",))


def test_means_over_directions_in_the_plans_order(tmp_path: Path) -> None:
    rows = [score("aa-bb", "bleu", 10.0, k=1, tok="x"), score("bb-aa", "bleu", 30.0, k=1, tok="y"),
            score("aa-bb", "chrf", 50.0), score("aa-bb", "bleu", 7.0, "dev"), score("*", "bleu", 99.0)]  # fmt: skip
    plan = Plan([evaluation("round-00/evaluate/x", rows), evaluation("round-12/evaluate/x", rows[:1])])
    drive(tmp_path / "R", plan)
    found = write_scores(RunDirectory(tmp_path / "R"), plan)
    assert read_scores(tmp_path / "R") == found
    assert [one["round"] for one in found] == [0] * 7 + [12] * 2
    means = {(one["round"], one["name"], one["split"]): one for one in found if one["pair"] == "*"}
    assert {key: one["value"] for key, one in means.items()} == {
        (0, "bleu", "test"): pytest.approx(20.0),
        (0, "chrf", "test"): 50.0,
        (0, "bleu", "dev"): 7.0,
        (12, "bleu", "test"): 10.0,
    }  # fmt: skip
    mean = means[0, "bleu", "test"]
    assert mean["counts"] == {"directions": 2}
    assert mean["signature"] == signature(k=1, tok="various")


def test_what_is_not_finished_has_no_scores(tmp_path: Path) -> None:
    (tmp_path / "R").mkdir()
    plan = Plan([evaluation("round-00/evaluate/x", [score("aa-bb", "bleu", 1.0)])])
    assert read_scores(tmp_path / "R") == []
    assert write_scores(RunDirectory(tmp_path / "R"), plan) == []
    assert read_scores(tmp_path / "R") == []


def test_the_cut_that_gold_would_have_chosen_is_not_mixed_with_what_was_mined(tmp_path: Path) -> None:
    rows = [score("aa-bb", "pairs.precision", 0.5, threshold="as-mined"),
            score("aa-bb", "pairs.precision", 0.9, threshold="oracle")]  # fmt: skip
    plan = Plan([evaluation("round-00/evaluate/pairs", rows)])
    drive(tmp_path / "R", plan)
    assert [one["value"] for one in write_scores(RunDirectory(tmp_path / "R"), plan)] == [0.5, 0.5]
