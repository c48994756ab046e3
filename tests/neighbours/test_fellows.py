"""Fellows wait until they are told, search what is left, say what went wrong, and never outlive the one they help."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import cli_environment
from references.planned_tiles import six_tiles

from fairseq_xling.neighbours.fellows import Fellows


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", cli_environment()["PYTHONPATH"])


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
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
    with Fellows(2) as fellows:
        fellows.search(tmp_path / "T", 1)
        fellows.search(tmp_path / "T", 1)  # they have been told
        wait_for(lambda: not state.missing())
        wait_for(lambda: all(process.poll() == 0 for process in fellows._processes))
        fellows.tell_of_all(said.append)
    assert said == []
    assert all(state.read(number) for number in range(6))


def test_modules_where_the_user_works_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "queue.py").write_text("raise ImportError('not the one that was meant')\n")
    state, said = six_tiles(tmp_path).state(tmp_path / "T", print), list[str]()
    monkeypatch.chdir(tmp_path)
    with Fellows(1) as fellows:
        fellows.search(Path("T"), 1)
        wait_for(lambda: fellows._processes[0].poll() is not None)
        fellows.tell_of_all(said.append)
    assert said == []
    assert state.missing() == []


def test_what_goes_wrong_is_said_once(tmp_path: Path) -> None:
    said = list[str]()
    with Fellows(2) as fellows:
        os.kill(fellows._processes[0].pid, signal.SIGKILL)
        fellows._processes[0].wait()
        fellows.search(tmp_path, 1)
        wait_for(lambda: fellows._processes[1].poll() is not None)
        fellows.tell_of_all(said.append)
        fellows.tell_of_all(said.append)
    assert said == [
        "a worker has failed, and the others have done its part: it was killed by signal 9, as happens where memory "
        "runs out",
        f"a worker has failed, and the others have done its part: {tmp_path} holds no plan of tiles. Run `tiles plan` "
        "first",
    ]


def test_they_end_with_the_block_told_or_not(tmp_path: Path) -> None:
    plan, fellows = six_tiles(tmp_path), Fellows(2)
    with pytest.raises(ZeroDivisionError), fellows:
        raise ZeroDivisionError
    assert [process.returncode for process in fellows._processes] == [-signal.SIGKILL] * 2
    with fellows:
        fellows.search(tmp_path / "T", 1)  # nobody is there any more
    assert len(plan.state(tmp_path / "T", print).missing()) == 6


def test_they_end_with_the_process(tmp_path: Path) -> None:
    program = (
        "import time; from fairseq_xling.neighbours.fellows import Fellows\n"
        "fellows = Fellows(1); print(fellows._processes[0].pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        fellow = int(holder.stdout.readline())
        assert running(fellow)
        holder.kill()
    wait_for(lambda: not running(fellow))
