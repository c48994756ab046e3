"""A plan refuses what could not be carried out, and can be printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from references.stub_rounds import small_plan, stage

from fairseq_xling.errors import ConfigError
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.stages import File, Product


def test_records_and_counts() -> None:
    plan = small_plan(Path("text"))
    assert plan.kinds == {"mine": 5}
    assert plan.files == [File(Path("text"))]
    records = json.loads(json.dumps(plan.records()))
    assert [record["name"] for record in records] == [one.name for one in plan] == list(plan.by_name)
    assert records[3]["inputs"] == {"a": "round-00/twice", "b": "round-00/lines"}
    assert records[3]["outputs"] == ["product.txt"]
    assert "{out}" in records[0]["commands"][0]


def test_faults() -> None:
    one = stage("a", "true", {})
    with pytest.raises(ConfigError, match="two stages are named a"):
        Plan([one, one])
    with pytest.raises(ConfigError, match="b needs c, which no stage before it makes"):
        Plan([one, stage("b", "true", {"x": Product("c")}), stage("c", "true", {})])
