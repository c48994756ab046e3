"""One contract: what a driver calls is there in every executor, with the same arguments."""

from __future__ import annotations

import inspect

import pytest

from fairseq_xling.cli.iterate import EXECUTORS
from fairseq_xling.rounds.executors import Executor
from fairseq_xling.rounds.executors.inline import InlineExecutor
from fairseq_xling.rounds.executors.local import LocalExecutor
from fairseq_xling.rounds.executors.slurm import SlurmExecutor

CLASSES = {"inline": InlineExecutor, "local": LocalExecutor, "slurm": SlurmExecutor}


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_executor_keeps_the_contract(name: str) -> None:
    methods = {name: method for name, method in vars(Executor).items() if inspect.isfunction(method) and name[0] != "_"}
    assert set(methods) == {"has_room", "submit", "ended", "stop"}
    for method, asked in methods.items():
        assert inspect.signature(getattr(CLASSES[name], method)) == inspect.signature(asked)
    assert isinstance(CLASSES[name].parallel, bool)
