"""What SLURM is asked for, and from which environment; sbatch is a stand-in that keeps the script it is given."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fairseq_xling.rounds.executors.jobs import Job, Jobs
from fairseq_xling.rounds.executors.submission import SubmissionError, own_environment, submit_jobs
from fairseq_xling.rounds.stages import Resources


@pytest.fixture
def sbatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins; returns where the script of the last submission and its environment are."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "srun").write_text("#!/bin/sh\n", encoding="utf-8")
    (folder / "sbatch").write_text(
        f'#!/bin/sh\ncat "$1" > {tmp_path}/script; env > {tmp_path}/environment\n'
        f"[ ! -f {tmp_path}/refusal ] || {{ cat {tmp_path}/refusal >&2; exit 1; }}\necho Submitted batch job 41\n",
        encoding="utf-8",
    )
    for path in folder.iterdir():
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def jobs_of(kind: str, count: int, per_job: int = 1, **settings: object) -> list[Job]:
    many = count > 1
    return [
        Job(f"xling-{kind}-01", i if many else None, kind, {f"{kind}/{i}.{j}": "k" for j in range(per_job)}, **settings)  # type: ignore[arg-type]
        for i in range(count)
    ]


def asked(place: Path) -> set[str]:
    lines = (place / "script").read_text(encoding="utf-8").splitlines()
    return {line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")}


def test_one_job(sbatch: Path) -> None:
    submitted = submit_jobs(
        jobs_of("mine", 1, 3, cpus=16, mem="60G"), Resources(minutes=20, partition="big"), Jobs(sbatch)
    )
    assert [job.id for job in submitted] == ["41"]
    assert asked(sbatch) >= {
        "job-name=xling-mine-01", "nodes=1", "ntasks-per-node=1", "cpus-per-task=16", "mem=60G", "time=60",
        "partition=big", "requeue",
    }  # fmt: skip
    assert not any(words.startswith(("array", "gpus", "wckey")) for words in asked(sbatch))


def test_an_array_with_a_throttle(sbatch: Path) -> None:
    submitted = submit_jobs(jobs_of("encode", 5), Resources(at_once=2, gpus=1), Jobs(sbatch))
    assert [job.id for job in submitted] == [f"41_{i}" for i in range(5)]
    assert asked(sbatch) >= {"array=0-4%2", "gpus-per-node=1", "time=600"}
    assert not any(words.startswith(("mem", "partition")) for words in asked(sbatch))


@pytest.mark.parametrize(
    ("resources", "cpus", "layout"),
    [
        (Resources(nodes=2), 6, {"nodes=2", "ntasks-per-node=1", "cpus-per-task=6"}),
        (Resources(nodes=2, gpus=4), 32, {"nodes=2", "ntasks-per-node=4", "cpus-per-task=8", "gpus-per-node=4"}),
        (Resources(gpus=4), 32, {"nodes=1", "ntasks-per-node=1", "cpus-per-task=32", "gpus-per-node=4"}),
    ],
)
def test_a_training_of_several_ranks(sbatch: Path, resources: Resources, cpus: int, layout: set[str]) -> None:
    submit_jobs(jobs_of("train", 1, cpus=cpus), resources, Jobs(sbatch))
    assert asked(sbatch) >= layout
    script = (sbatch / "script").read_text(encoding="utf-8")
    assert "srun" not in script.splitlines()[-1]  # the job itself is one process; only ranks are steps


def test_the_warning_before_the_end_reaches_no_stage(sbatch: Path) -> None:
    submit_jobs(jobs_of("train", 1), Resources(), Jobs(sbatch))
    assert "signal=B:USR2@60" in asked(sbatch)
    assert "trap '' USR2" in (sbatch / "script").read_text(encoding="utf-8")


def test_the_drivers_own_job_does_not_show(sbatch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = {"SLURM_JOB_ID": "3", "SLURM_MEM_PER_NODE": "2048", "SLURMD_NODENAME": "n1", "MASTER_ADDR": "10.0.0.1"}
    kept = {"SLURM_CONF": "/etc/slurm.conf", "SBATCH_ACCOUNT": "ours"}
    for name, value in (hidden | kept).items():
        monkeypatch.setenv(name, value)
    submit_jobs(jobs_of("mine", 1), Resources(), Jobs(sbatch))
    seen = (sbatch / "environment").read_text(encoding="utf-8").splitlines()
    assert {f"{name}={value}" for name, value in kept.items()} <= set(seen)
    assert not {f"{name}={value}" for name, value in hidden.items()} & set(seen)
    assert {name: os.environ[name] for name in hidden} == hidden  # afterwards the driver has its own again
    with own_environment():
        assert "SLURM_JOB_ID" not in os.environ


@pytest.mark.parametrize(
    ("said", "is_away"),
    [
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)", True),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", True),
        ("sbatch: error: Batch job submission failed: Invalid partition name specified", False),
        ("sbatch: error: CPU count per node can not be satisfied", False),
    ],
)
def test_refusals(sbatch: Path, said: str, is_away: bool) -> None:
    (sbatch / "refusal").write_text(said + "\n", encoding="utf-8")
    with pytest.raises(SubmissionError) as caught:
        submit_jobs(jobs_of("mine", 1), Resources(), Jobs(sbatch))
    assert caught.value.is_away is is_away
    assert said.removeprefix("sbatch: error: ") in str(caught.value)
