"""What a stage is: its key, its names in braces, its resources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairseq_xling.configs import read_config
from fairseq_xling.errors import ConfigError
from fairseq_xling.rounds.stages import Command, File, Product, Resources, Stage, rendered

STAGE = Stage("round-01/mine/aa-bb", "mine", (Command(("p", "{a}", "{out}"), None, ("--threads", "2")),),
              {"a": File(Path("/one/a")), "b": Product("round-00/x")}, ("o",))  # fmt: skip


def test_names_in_braces() -> None:
    assert rendered("{out}/x {a} {b} {} { a}", {"out": "/o", "a": "{out}"}) == "/o/x {out} {b} {} { a}"
    assert STAGE.commands[0].rendered({"a": "A", "out": "O"}) == ["p", "A", "O", "--threads", "2"]


def test_needs_and_round() -> None:
    assert STAGE.needs == ["round-00/x"]
    assert STAGE.round == 1
    assert replace(STAGE, name="prepare").round is None


def test_key_does_not_depend_on_places() -> None:
    key = STAGE.key(["1", "2"])
    moved = {"a": File(Path("/two/a")), "b": Product("round-07/x")}
    fewer = (replace(STAGE.commands[0], indifferent=("--threads", "9")),)
    for other in (
        replace(STAGE, inputs=moved), replace(STAGE, name="round-02/mine/aa-bb"), replace(STAGE, commands=fewer),
        replace(STAGE, resources=Resources(cpus=9)), replace(STAGE, sizes=(3,)),
    ):  # fmt: skip
        assert other.key(["1", "2"]) == key


def test_key_depends_on_commands_and_content() -> None:
    key = STAGE.key(["1", "2"])
    for other in (
        replace(STAGE, commands=(Command(("p", "{a}", "{out}", "--k", "3")),)),
        replace(STAGE, commands=(replace(STAGE.commands[0], stdout="o"),)),
        replace(STAGE, notes={"n": "text"}), replace(STAGE, kind="encode"),
        replace(STAGE, inputs={"b": STAGE.inputs["b"], "a": STAGE.inputs["a"]}),
    ):  # fmt: skip
        assert other.key(["1", "2"]) != key
    assert STAGE.key(["2", "1"]) != key
    assert STAGE.key(["1", "3"]) != key


def test_faults_of_resources() -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(Resources, {"cpus": 0, "nodes": 0, "gpus": -1, "minutes": 0, "retries": -1, "mem": "60 G"}, "train")
    assert len(caught.value.faults) == 6
    assert read_config(Resources, {"mem": "60G", "at_once": 2}, "train").at_once == 2
