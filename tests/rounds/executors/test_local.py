"""Worker processes: side by side, kept from stage to stage, replaced when they die."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from references.stub_rounds import drive, local, products, stage

from fairseq_xling.rounds.executors.local import LocalExecutor
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.run import StageError
from fairseq_xling.rounds.stages import Resources

DONE = 'touch "$out/product.txt"'


@pytest.fixture(autouse=True)
def _importable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root / 'tests'}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "R").mkdir()
    return tmp_path / "R"


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_side_by_side(folder: Path, tmp_path: Path) -> None:
    """Each waits for the other one to have begun."""

    def meets(own: str, other: str) -> str:
        return f'touch "{tmp_path}/{own}"; until test -e "{tmp_path}/{other}"; do sleep 0.02; done; {DONE}'

    plan = Plan([stage("round-00/a", meets("a", "b"), {}), stage("round-00/b", meets("b", "a"), {})])
    drive(folder, plan, local)
    assert sorted(products(folder)) == ["round-00/a", "round-00/b"]


def test_a_worker_is_kept_from_stage_to_stage(folder: Path) -> None:
    script = 'echo $PPID > "$out/product.txt"'
    plan = Plan([stage(f"round-00/{name}", f"{script}; : {name}", {}) for name in "abc"])
    drive(folder, plan, lambda root, plan: local(root, plan, cpus=1))
    assert len(set(products(folder).values())) == 1


def test_a_worker_that_dies_is_replaced(folder: Path, tmp_path: Path) -> None:
    script = f'test -e "{tmp_path}/once" || {{ touch "{tmp_path}/once"; kill -9 $PPID; }}; {DONE}'
    plan = Plan([stage("round-00/a", script, {}, retries=1)])
    events = drive(folder, plan, local)
    assert events.of("started") == ["round-00/a"] * 2
    assert any("its worker process ended with signal SIGKILL" in words for _, _, words in events.all)
    with pytest.raises(StageError, match="signal SIGTERM|exit code 143"):
        drive(folder, Plan([stage("round-00/b", "kill $PPID; sleep 600", {})]), local)


def test_processors_are_counted(folder: Path) -> None:
    executor = LocalExecutor(folder, 4)
    big, greedy, all_of_them = (replace(stage("x", DONE, {}), resources=Resources(cpus=n)) for n in (3, 9, None))
    assert all(executor.has_room(one) for one in (big, greedy, all_of_them))
    executor._used = 2
    assert not any(executor.has_room(one) for one in (big, greedy, all_of_them))
    executor._used = 1
    assert executor.has_room(big)
    executor.stop()


def test_the_ranks_of_a_training_are_processors_too(folder: Path) -> None:
    ranks = replace(stage("round-00/a", DONE, {}), resources=Resources(cpus=1, nodes=2))
    executor = local(folder, Plan([ranks]), cpus=2)
    executor.submit(ranks, "key")
    assert not executor.has_room(stage("round-00/b", DONE, {}))
    assert executor.ended(60)[0].code == 0
    assert executor.has_room(ranks)
    executor.stop()


def test_stopping_ends_workers_and_what_they_started(folder: Path, tmp_path: Path) -> None:
    made = stage(
        "a", f'echo $$ $PPID > "{tmp_path}/pids.part"; mv "{tmp_path}/pids.part" "{tmp_path}/pids"; sleep 600', {}
    )
    executor = local(folder, Plan([made]))
    executor.submit(made, "key")
    wait_until(lambda: (tmp_path / "pids").is_file())
    pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
    assert all(map(is_alive, pids))
    executor.stop()
    wait_until(lambda: not any(map(is_alive, pids)))


def test_workers_have_a_session_of_their_own(folder: Path, tmp_path: Path) -> None:
    """Ctrl-C at the terminal reaches the driver, which ends them in order."""
    made = stage("round-00/a", 'cut -d " " -f 6 /proc/$PPID/stat > "$out/product.txt"', {})
    drive(folder, Plan([made]), local)
    assert int(products(folder)["round-00/a"]) not in (0, os.getsid(0))
