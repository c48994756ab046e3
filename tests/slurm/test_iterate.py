"""sbatch slurm/iterate.sh on a real cluster: the same content as on one machine, and how it ends where it must."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from references.rounds_world import begun, expected, outputs, write_config
from references.slurm_cluster import Cluster, wait_for

pytestmark = pytest.mark.timeout(480)


@pytest.mark.parametrize(
    "accounting",
    [
        pytest.param(False, marks=pytest.mark.slurm, id="without-accounting"),
        pytest.param(True, marks=pytest.mark.nightly, id="with-accounting"),
    ],
)
def test_three_rounds(make_cluster: Callable[[bool], Cluster], world: Path, tmp_path: Path, accounting: bool) -> None:
    cluster, run = make_cluster(accounting), tmp_path / "run"
    job = cluster.drive(world / "three.yaml", run)
    cluster.finish(job, run, 400)
    assert outputs(run) == outputs(world / "local")
    assert (run / "scores.jsonl").read_bytes() == (world / "local" / "scores.jsonl").read_bytes()
    log = (run / "logs" / "driver.log").read_text(encoding="utf-8")
    assert re.search(r"submitted round-00/mine/aa-cc job \d+_1\n", log)  # an array
    jobs = [re.search(rf"submitted round-02/encode/{code} job (\d+)\n", log) for code in ("aa", "bb", "cc")]
    assert len({found[1] for found in jobs if found}) == 1  # a shared job
    ranks = (run / "pretrain" / "train.log").read_text(encoding="utf-8")
    assert re.search(r"rank 1\): env://", ranks)
    assert list((run / ".jobs").glob("xling-*")) == []
    assert cluster.jobs("") == []


@pytest.mark.slurm
def test_a_stage_with_accounting(make_cluster: Callable[[bool], Cluster], world: Path, tmp_path: Path) -> None:
    cluster, run = make_cluster(True), begun(world, tmp_path / "run", "round-01/mine")
    job = cluster.drive(write_config(world, "one.yaml", 1), run)
    cluster.finish(job, run, 120)
    assert outputs(run) == expected(world, run)
    # The controller tells the database when it finds the time.
    asked = ("sacct", "--noheader", "--allocations", "--format=State", f"--jobs={job}")
    wait_for(lambda: cluster.call(*asked) == "COMPLETED", 60, "the database")


@pytest.mark.slurm
def test_a_failed_stage_is_explained_and_the_rest_goes_on(cluster: Cluster, world: Path, tmp_path: Path) -> None:
    run = begun(world, tmp_path / "run", "round-01/train")
    config = write_config(world, "faulty.yaml", 1, more="--no-such-option 3", train="cpus: 1, retries: 0")
    job = cluster.drive(config, run)
    wait_for(lambda: cluster.state(job) == "FAILED", 90, "the driver's end")
    said = Path(f"{run}.log").read_text(encoding="utf-8").splitlines()[-1]
    assert said.startswith("fairseq-xling: error: round-01/train: ")
    assert f"log: {run}/logs/round-01/train.log" in said
    assert "unrecognized arguments: --no-such-option 3" in said


@pytest.mark.nightly
def test_a_job_that_was_ended_from_outside_is_explained(cluster: Cluster, world: Path, tmp_path: Path) -> None:
    """What squeue alone knows: the job was ended from outside and has left nothing."""
    run = begun(world, tmp_path / "run", "round-01/train")
    config = write_config(world, "cancelled.yaml", 1, train="cpus: 1, retries: 0")
    job = cluster.drive(config, run)
    wait_for(lambda: any((run / ".attempts").glob("round-01~train.*")), 60, "the training's start")
    (training,) = cluster.jobs("train")
    cluster.call("scancel", training)
    wait_for(lambda: cluster.state(job) == "FAILED", 60, "the driver's end")
    said = Path(f"{run}.log").read_text(encoding="utf-8").splitlines()[-1]
    assert f"round-01/train: job {training} (round-01/train) ended with CANCELLED" in said
    assert f"log: {run}/logs/round-01/train.log" in said


@pytest.mark.slurm
def test_scancel_of_the_driver_ends_what_it_started(cluster: Cluster, world: Path, tmp_path: Path) -> None:
    run = begun(world, tmp_path / "run", "round-01/train")
    job = cluster.drive(write_config(world, "one.yaml", 1), run)
    wait_for(lambda: any((run / ".attempts").glob("round-01~train.*")), 60, "the training's start")
    (training,) = cluster.jobs("train")
    cluster.call("scancel", job)
    wait_for(lambda: cluster.state(job) == "CANCELLED" and not cluster.jobs("train"), 30, "the end of both")
    assert cluster.state(training) == "CANCELLED"
    assert f"cancelled job {training} (round-01/train)" in Path(f"{run}.log").read_text(encoding="utf-8")
