"""Jobs as files: what a driver leaves for the next one, and what a job leaves for its driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fairseq_xling.rounds.executors.jobs import Job, Jobs, perform_job, start
from fairseq_xling.rounds.perform import Outcome

TRAIN = Job("xling-train-0a", None, "train", {"round-01/train": "k1"}, 8, "4G", "12")
MINES = [Job("xling-mine-0b", i, "mine", {f"round-01/mine/p{i}": "k", f"round-01/mine/q{i}": "l"}) for i in range(2)]


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    found = Jobs(tmp_path)
    for job in (TRAIN, *MINES):
        found.write(job)
    return found


def test_written_and_read_back(jobs: Jobs) -> None:
    assert jobs.all() == [*MINES, TRAIN]
    assert jobs.read("xling-mine-0b.1") == MINES[1]
    assert jobs.read("xling-mine-0b") is None


def test_a_job_does_its_stages_and_tells_each(jobs: Jobs) -> None:
    done = []

    def perform(stage: str, key: str, cpus: int) -> Outcome:
        assert jobs.current("xling-mine-0b.0") == stage
        done.append((stage, key, cpus))
        return Outcome(stage, 3 if stage.endswith("p0") else 0, "words", 1.5)

    assert perform_job(jobs, "xling-mine-0b.0", perform) == 3
    assert done == [("round-01/mine/p0", "k", 1), ("round-01/mine/q0", "l", 1)]
    told = dict((outcome.stage, (label, outcome)) for label, outcome in jobs.told())
    assert told == {
        "round-01/mine/p0": ("xling-mine-0b.0", Outcome("round-01/mine/p0", 3, "words", 1.5)),
        "round-01/mine/q0": ("xling-mine-0b.0", Outcome("round-01/mine/q0", 0, "words", 1.5)),
    }
    jobs.take("xling-mine-0b.0", "round-01/mine/p0")
    assert [outcome.stage for _, outcome in jobs.told()] == ["round-01/mine/q0"]


def test_a_job_that_nobody_wants_does_nothing(jobs: Jobs) -> None:
    jobs.remove(TRAIN)
    assert perform_job(jobs, TRAIN.label, lambda stage, key, cpus: pytest.fail(stage)) == 0


def test_removing_one_leaves_the_others(jobs: Jobs) -> None:
    jobs.begin(MINES[1].label, "round-01/mine/p1")
    jobs.tell(MINES[1].label, Outcome("round-01/mine/p1", 0))
    jobs.tell(TRAIN.label, Outcome("round-01/train", 0))
    jobs.remove(MINES[1])
    assert jobs.all() == [MINES[0], TRAIN]
    assert jobs.current(MINES[1].label) is None
    assert [label for label, _ in jobs.told()] == [TRAIN.label]


def test_what_slurm_said_of_a_job(jobs: Jobs) -> None:
    jobs.submitit.mkdir()
    said = "slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***"
    jobs.output(TRAIN).write_text(f"submitit INFO Starting\n{said}\n", encoding="utf-8")
    assert jobs.remarks(TRAIN) == [said]
    assert jobs.remarks(MINES[0]) == []


@pytest.mark.parametrize(("index", "label"), [(None, "xling-train-0a"), ("1", "xling-mine-0b.1")])
def test_the_process_in_the_job_is_ours(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, index: str | None, label: str
) -> None:
    seen = []

    class Process:
        def __init__(self, words: list[str], **settings: object) -> None:
            seen.append(words)

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(subprocess, "Popen", Process)
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", index or "7")  # a driver in an array would hand its own down
    start(str(tmp_path), label.partition(".")[0], index is not None)
    assert seen == [[sys.executable, "-m", "fairseq_xling", "iterate", "--run-dir", str(tmp_path), "--perform", label]]


@pytest.mark.parametrize(("number", "told"), [(signal.SIGKILL, True), (signal.SIGTERM, False)])
def test_a_killed_process_is_told(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals, told: bool
) -> None:
    """The kernel's kill for want of memory leaves nobody else to tell it; a TERM comes from SLURM, which knows why."""
    jobs.begin(TRAIN.label, "round-01/train")
    real = subprocess.Popen
    kill = [sys.executable, "-c", f"import os; os.kill(os.getpid(), {int(number)})"]
    monkeypatch.setattr(subprocess, "Popen", lambda words, **settings: real(kill))
    with pytest.raises(RuntimeError, match=f"exit code {-number}"):
        start(str(tmp_path), TRAIN.name, False)
    assert [(label, outcome.stage, outcome.code) for label, outcome in jobs.told()] == (
        [(TRAIN.label, "round-01/train", -9)] if told else []
    )


def test_looking_again_changes_nothing(jobs: Jobs, tmp_path: Path) -> None:
    folder = tmp_path / "round-01" / "mine"
    folder.mkdir(parents=True)
    folder.chmod(0o750)
    jobs.look_again(folder)
    jobs.look_again(tmp_path / "round-02" / "mine")
    assert folder.stat().st_mode & 0o7777 == 0o750
    assert sorted(os.listdir(tmp_path)) == [".jobs", "round-01"]
