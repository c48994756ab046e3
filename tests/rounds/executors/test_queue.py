"""What is read from SLURM's commands, which stand-ins on the PATH play here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairseq_xling.errors import ConfigError
from fairseq_xling.rounds.executors import queue
from fairseq_xling.rounds.executors.queue import State, read_states


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of stand-ins, first on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_states_by_name_and_place() -> None:
    text = (
        "12|N/A|xling-train-aa|RUNNING|4000M|None\n"
        "13|0|xling-mine-bb|COMPLETED|0|None\n"
        "13|4|xling-mine-bb|PENDING|0|Resources\n"
    )
    assert read_states(text) == {
        ("xling-train-aa", None): State("12", "RUNNING", "4000M", "None"),
        ("xling-mine-bb", 0): State("13_0", "COMPLETED", "0", "None"),
        ("xling-mine-bb", 4): State("13_4", "PENDING", "0", "Resources"),
    }


@pytest.mark.parametrize(
    ("state", "live"),
    [("PENDING", True), ("RUNNING", True), ("COMPLETING", True), ("REQUEUED", True), ("SUSPENDED", True),
     ("STATE_OF_TOMORROW", True), ("COMPLETED", False), ("NODE_FAIL", False), ("TIMEOUT", False), ("CANCELLED", False)],
)  # fmt: skip
def test_what_is_not_known_to_have_ended_is_live(state: str, live: bool) -> None:
    assert State("1", state, "0").is_live is live


@pytest.mark.parametrize(
    ("state", "reason", "hopeless"),
    [("PENDING", "launch failed requeued held", True), ("PENDING", "BadConstraints", True),
     ("PENDING", "Priority", False), ("RUNNING", "BadConstraints", False)],
)  # fmt: skip
def test_a_job_that_will_never_start(state: str, reason: str, hopeless: bool) -> None:
    assert State("1", state, "0", reason).is_hopeless is hopeless


def test_squeue_is_asked_by_name_and_user(slurm: Path) -> None:
    program(slurm, "squeue", f'echo "$@" > {slurm}/asked; echo "5|N/A|xling-a|RUNNING|0|None"')
    assert queue.states(["xling-a", "xling-b"]) == {("xling-a", None): State("5", "RUNNING", "0", "None")}
    asked = (slurm / "asked").read_text(encoding="utf-8")
    assert "--name=xling-a,xling-b" in asked
    assert f"--user={os.getuid()}" in asked


def test_no_answer_is_not_an_empty_one(slurm: Path) -> None:
    program(slurm, "squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    assert queue.states(["xling-a"]) is None
    assert queue.states([]) == {}


@pytest.mark.parametrize(
    ("script", "state"),
    [("echo TIMEOUT", "TIMEOUT"), ("echo 'CANCELLED by 1000'", "CANCELLED"), ("true", None),
     ("echo 'Slurm accounting storage is disabled' >&2; exit 1", None)],
)  # fmt: skip
def test_accounting(slurm: Path, script: str, state: str | None) -> None:
    program(slurm, "sacct", script)
    assert queue.accounted("7") == state


def test_cancel(slurm: Path) -> None:
    program(slurm, "scancel", f'echo "$@" > {slurm}/asked')
    assert queue.cancel(["3", "4_1"])
    assert (slurm / "asked").read_text(encoding="utf-8") == "3 4_1\n"
    program(slurm, "scancel", "exit 1")
    assert not queue.cancel(["3"])
    assert queue.cancel([])


@pytest.mark.parametrize(
    ("shown", "restarts", "expected"),
    [
        ("JobState=COMPLETING Reason=None Restarts=0", None, False),  # scancel
        ("JobState=COMPLETING Reason=None Restarts=1", None, True),  # requeued for the first time
        ("JobState=COMPLETING Reason=None Restarts=1", "1", False),  # scancel of the second run
        ("JobState=COMPLETING Reason=None Restarts=3", "2", True),
        ("JobState=COMPLETING Reason=TimeLimit Restarts=0", None, True),
    ],
)
def test_leaving_to_return(slurm: Path, shown: str, restarts: str | None, expected: bool) -> None:
    program(slurm, "scontrol", f"echo '{shown}'")
    environment = {"SLURM_JOB_ID": "9"} | ({"SLURM_RESTART_COUNT": restarts} if restarts else {})
    assert queue.is_leaving_to_return(environment) is expected


def test_outside_a_job_nobody_returns() -> None:
    assert queue.is_leaving_to_return({}) is False


def test_a_controller_that_is_away_takes_no_orders(slurm: Path) -> None:
    program(slurm, "scontrol", "exit 1")
    assert queue.is_leaving_to_return({"SLURM_JOB_ID": "9"}) is True


def test_without_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="sbatch is not on the PATH.*--executor local"):
        queue.require_slurm()
