"""One driver a run, whatever becomes of the other one."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fairseq_xling.errors import ConfigError, RoundError
from fairseq_xling.rounds.lease import LEASE, Lease, born, holder_of, is_alive, was_ours


def holder(root: Path, **changes: object) -> None:
    """Write a lease as another driver would."""
    mine = {"token": "x", "host": platform.node(), "pid": os.getpid(), "born": born(os.getpid())}
    (root / LEASE).write_text(json.dumps(mine | changes))


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def test_held_and_given_back(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    assert lease.acquire() is None
    assert lease.is_ours()
    with pytest.raises(ConfigError, match=f"is being driven by process {os.getpid()} on"):
        Lease(tmp_path).acquire()
    lease.check()
    lease.release()
    assert holder_of(tmp_path) is None
    again = Lease(tmp_path)
    assert again.acquire() is None
    again.release()


def test_a_dead_drivers_run_is_taken_over(tmp_path: Path) -> None:
    pid = dead_process()
    holder(tmp_path, pid=pid)
    lease = Lease(tmp_path)
    assert lease.acquire() == f"process {pid} on {platform.node()}"
    lease.release()


def test_a_number_that_another_process_has_now(tmp_path: Path) -> None:
    holder(tmp_path, born="1")
    lease = Lease(tmp_path)
    assert lease.acquire() is not None
    lease.release()


def test_on_another_machine_the_heartbeat_tells(tmp_path: Path) -> None:
    holder(tmp_path, host="elsewhere", pid=1)
    with pytest.raises(ConfigError, match="on elsewhere"):
        Lease(tmp_path).acquire()
    os.utime(tmp_path / LEASE, (time.time() - 100,) * 2)
    lease = Lease(tmp_path)
    assert lease.acquire() == "process 1 on elsewhere"
    lease.release()


def test_the_heart_beats_until_the_lease_is_lost(tmp_path: Path) -> None:
    lease = Lease(tmp_path, beat=0.01)
    lease.acquire()
    os.utime(tmp_path / LEASE, (1, 1))
    wait_for(lambda: (tmp_path / LEASE).stat().st_mtime > 1)
    lease.check()
    holder(tmp_path, token="another")
    wait_for(lease._lost.is_set)
    with pytest.raises(RoundError, match="another driver has taken over"):
        lease.check()
    lease.release()
    assert holder_of(tmp_path)["token"] == "another"


def test_a_failing_file_system_does_not_stop_the_heart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = Lease(tmp_path, beat=0.01)
    lease.acquire()
    calls = []

    def failing() -> bool:
        calls.append(1)
        raise OSError("stale file handle")

    monkeypatch.setattr(lease, "is_ours", failing)
    wait_for(lambda: len(calls) > 2)
    monkeypatch.undo()
    os.utime(tmp_path / LEASE, (1, 1))
    wait_for(lambda: (tmp_path / LEASE).stat().st_mtime > 1)
    lease.release()


@pytest.mark.parametrize("text", ["", "{", "7x"])
def test_a_broken_lease_is_nobodys(tmp_path: Path, text: str) -> None:
    (tmp_path / LEASE).write_text(text)
    assert holder_of(tmp_path) is None


def test_a_job_that_comes_back_is_the_same_driver() -> None:
    held = {"job": "7", "restarts": 0}
    assert was_ours(held, {"SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": "1"})
    assert not was_ours(held, {"SLURM_JOB_ID": "7"})
    assert not was_ours(held, {"SLURM_JOB_ID": "8", "SLURM_RESTART_COUNT": "1"})
    assert not was_ours({"job": None}, {})


def test_a_zombie_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    start = born(process.pid)
    wait_for(lambda: born(process.pid) is None)
    assert not is_alive({"host": platform.node(), "pid": process.pid, "born": start}, 0.0)
    process.wait()


def wait_for(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
