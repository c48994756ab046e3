"""Helpers wait until they are told, search what is left, say what went wrong, and never outlive the one they help."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import cli_environment
from references.planned_tiles import six_tiles

from fairseq_xling.neighbours.helpers import Helpers


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", cli_environment()["PYTHONPATH"])


def wait_for(what: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def running(pid: int) -> bool:
    """False also of one whose parent, whoever that is now, has not waited for it yet."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_two_helpers_find_all_tiles_alone(tmp_path: Path) -> None:
    said, state = list[str](), six_tiles(tmp_path).state(tmp_path / "T", print)
    with Helpers(2) as helpers:
        helpers.search(tmp_path / "T", 1)
        helpers.search(tmp_path / "T", 1)  # they have been told
        wait_for(lambda: not state.missing())
        wait_for(lambda: all(process.poll() == 0 for process in helpers._processes))
        helpers.tell_of_all(said.append)
    assert said == []
    assert all(state.read(number) for number in range(6))


def test_what_goes_wrong_is_said_once(tmp_path: Path) -> None:
    said = list[str]()
    with Helpers(2) as helpers:
        os.kill(helpers._processes[0].pid, signal.SIGKILL)
        helpers._processes[0].wait()
        helpers.search(tmp_path, 1)
        wait_for(lambda: helpers._processes[1].poll() is not None)
        helpers.tell_of_all(said.append)
        helpers.tell_of_all(said.append)
    assert said == [
        "a worker has failed, and the others have done its part: it was killed by signal 9, as happens where memory "
        "runs out",
        f"a worker has failed, and the others have done its part: {tmp_path} holds no plan of tiles. Run `tiles plan` "
        "first",
    ]


def test_they_end_with_the_block_told_or_not(tmp_path: Path) -> None:
    plan, helpers = six_tiles(tmp_path), Helpers(2)
    with pytest.raises(ZeroDivisionError), helpers:
        raise ZeroDivisionError
    assert [process.returncode for process in helpers._processes] == [-signal.SIGKILL] * 2
    with helpers:
        helpers.search(tmp_path / "T", 1)  # nobody is there any more
    assert len(plan.state(tmp_path / "T", print).missing()) == 6


def test_they_end_with_the_process(tmp_path: Path) -> None:
    program = (
        "import time; from fairseq_xling.neighbours.helpers import Helpers\n"
        "helpers = Helpers(1); print(helpers._processes[0].pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        helper = int(holder.stdout.readline())
        assert running(helper)
        holder.kill()
    wait_for(lambda: not running(helper))
