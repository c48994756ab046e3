"""Ranks under srun: addresses as numbers, the interface that carries them, and what torch reads."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fairseq_xling.rounds.executors.rank import (
    interface_of,
    launcher,
    node_address,
    own_address,
    rank_environment,
    rendezvous,
)
from fairseq_xling.rounds.stages import Resources


@pytest.fixture
def scontrol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that knows n[1-2], whose names nothing resolves, and n9, whose address is a name."""
    script = tmp_path / "scontrol"
    script.write_text(
        '#!/bin/sh\ncase "$*" in\n'
        "*'show hostnames n[1-2]') printf 'n1\\nn2\\n';;\n"
        "*'show hostnames n1') echo n1;;\n"
        "*'show node n2') echo 'NodeName=n2 Arch=x86_64 NodeAddr=127.0.0.2 NodeHostName=n2';;\n"
        "*'show node n9') echo 'NodeName=n9 NodeAddr=localhost NodeHostName=n9';;\n"
        "*) exit 1;;\nesac\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


def test_one_node_needs_no_launcher() -> None:
    assert launcher(Resources(gpus=8), 4) == []


@pytest.mark.parametrize(
    ("asked", "cpus", "expected"),
    [
        (Resources(nodes=2), 3, ["--nodes=2", "--ntasks-per-node=1", "--cpus-per-task=3"]),
        (Resources(nodes=4, gpus=8), 32, ["--nodes=4", "--ntasks-per-node=8", "--cpus-per-task=4"]),
        (Resources(nodes=2, gpus=8), 4, ["--nodes=2", "--ntasks-per-node=8", "--cpus-per-task=1"]),
    ],
)
def test_a_rank_for_each_gpu_or_node(asked: Resources, cpus: int, expected: list[str]) -> None:
    words = launcher(asked, cpus)
    assert words[:4] == ["srun", *expected]
    assert words[-2:] == ["-m", "fairseq_xling.rounds.executors.rank"]


@pytest.mark.usefixtures("scontrol")
def test_where_ranks_meet() -> None:
    found = rendezvous({"SLURM_JOB_NODELIST": "n[1-2]"})
    assert found["MASTER_ADDR"] == own_address("127.0.0.2")
    with socket.socket() as probe:  # the port is free
        probe.bind((found["MASTER_ADDR"], int(found["MASTER_PORT"])))
    assert rendezvous({"SLURM_JOB_NODELIST": "n1"})["MASTER_ADDR"] == "127.0.0.1"


@pytest.mark.usefixtures("scontrol")
def test_addresses_are_numbers() -> None:
    assert node_address("n2") == "127.0.0.2"
    assert node_address("n9") == "127.0.0.1"


def test_interfaces() -> None:
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("203.0.113.7") is None  # reserved for documentation: nobody has it


def test_what_torch_reads() -> None:
    srun = {"SLURM_PROCID": "3", "SLURM_LOCALID": "1", "SLURM_STEP_NUM_TASKS": "4", "MASTER_ADDR": "127.0.0.1"}
    expected = {"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4"}
    assert rank_environment(srun) == expected | {"GLOO_SOCKET_IFNAME": "lo"}
    assert rank_environment(srun | {"GLOO_SOCKET_IFNAME": "ib0"}) == expected


def test_becomes_the_program() -> None:
    environment = os.environ | {
        "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_STEP_NUM_TASKS": "2", "MASTER_ADDR": "127.0.0.1",
    }  # fmt: skip
    words = [
        sys.executable,
        "-m",
        "fairseq_xling.rounds.executors.rank",
        "sh",
        "-c",
        "echo $RANK of $WORLD_SIZE; exit 3",
    ]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "0 of 2\n")
