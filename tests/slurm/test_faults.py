"""What clusters do to jobs; each run ends with the content of the undisturbed one.

The driver runs on n3, so that what strikes n1 and n2 strikes a stage; it is struck itself in one of the tests.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from references.rounds_world import begun, expected, outputs, write_config
from references.slurm_cluster import Cluster, signal_to, wait_for

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(500)]
ON_N3 = "--nodelist=n3"
SECONDS = 220


def attempts(run: Path, stage: str) -> list[Path]:
    return sorted((run / ".attempts").glob(f"{stage.replace('/', '~')}.attempt.*"))


def wait_for_checkpoint(run: Path, stage: str) -> None:
    """Until a training has something to go on from, and not yet ended."""

    def is_there() -> bool:
        return any(any((path / "out").glob("checkpoints/*.pt")) for path in attempts(run, stage))

    wait_for(is_there, 180, f"a checkpoint of {stage}", lambda: Path(f"{run}.log").read_text(encoding="utf-8"))
    assert not (run / stage).exists()


def assert_undisturbed(cluster: Cluster, world: Path, run: Path, job: str) -> str:
    """Returns the driver's log of a run that has ended well with the content it should have."""
    cluster.finish(job, run, SECONDS)
    assert outputs(run) == expected(world, run)
    assert not any((run / ".attempts").iterdir())
    return (run / "logs" / "driver.log").read_text(encoding="utf-8")


def test_node_crash_during_training(cluster: Cluster, world: Path, tmp_path: Path) -> None:
    """One of two nodes, after a checkpoint."""
    run = begun(world, tmp_path / "run", "pretrain")
    job = cluster.drive(write_config(world, "one.yaml", 1), run, ON_N3)
    wait_for_checkpoint(run, "pretrain")
    (training,) = cluster.jobs("pretrain")
    assert cluster.crash(cluster.node_of(training)) > 0
    log = assert_undisturbed(cluster, world, run, job)
    assert "kept round-01/train" in log  # the same content: what depends on it is not made again


def test_node_crash_during_mining(cluster: Cluster, world: Path, tmp_path: Path) -> None:
    run = begun(world, tmp_path / "run", "round-01/mine")
    job = cluster.drive(write_config(world, "one.yaml", 1), run, ON_N3)
    wait_for(lambda: bool(attempts(run, "round-01/mine/aa-bb")), 120, "mining")
    assert cluster.crash("n1") > 0
    assert not (run / "round-01" / "mine" / "aa-bb").exists()
    assert_undisturbed(cluster, world, run, job)


@pytest.mark.slurm
def test_slurmd_lost_while_its_job_lives_on(cluster: Cluster, world: Path, tmp_path: Path) -> None:
    """Two generations of a training at once: the first is held up until the second has begun."""
    run = begun(world, tmp_path / "run", "round-01/train")
    job = cluster.drive(write_config(world, "one.yaml", 1), run, ON_N3)
    wait_for_checkpoint(run, "round-01/train")
    (training,) = cluster.jobs("train")
    node = cluster.node_of(training)
    assert node != "n3"
    generation = cluster.processes(node)
    for pid in generation:
        signal_to(pid, signal.SIGSTOP)
    cluster.kill(node)
    try:
        wait_for(lambda: len(attempts(run, "round-01/train")) == 2, 120, "the second generation")
    finally:
        for pid in generation:
            signal_to(pid, signal.SIGCONT)
    log = assert_undisturbed(cluster, world, run, job)
    assert "kept round-01/mine/aa-bb" in log


def test_controller_killed_and_restarted(cluster: Cluster, world: Path, tmp_path: Path) -> None:
    run = begun(world, tmp_path / "run", "round-01/train")
    job = cluster.drive(write_config(world, "one.yaml", 1), run, ON_N3)
    wait_for_checkpoint(run, "round-01/train")
    cluster.kill("slurmctld")
    time.sleep(8)
    cluster.start_controller()
    log = assert_undisturbed(cluster, world, run, job)
    assert log.count("started round-01/train") == 1


@pytest.mark.slurm
def test_driver_preempted(cluster: Cluster, world: Path, tmp_path: Path) -> None:
    """Its stage goes on meanwhile and is found by the driver that comes back."""
    run = begun(world, tmp_path / "run", "round-01/train")
    job = cluster.drive(write_config(world, "one.yaml", 1), run, ON_N3, "--partition=low")
    wait_for(lambda: bool(attempts(run, "round-01/train")), 60, "the training")
    (training,) = cluster.jobs("train")
    cluster.call("sbatch", ON_N3, "--exclusive", "--partition=high", "--output=/dev/null", "--wrap=sleep 5")
    log = assert_undisturbed(cluster, world, run, job)
    assert f"job {training} (round-01/train) goes on" in log
    assert "Restarts=1" in cluster.call("scontrol", "--oneliner", "show", "job", job)
    assert log.count("submitted round-01/train") == 1


def test_stage_out_of_memory(cluster: Cluster, world: Path, tmp_path: Path) -> None:
    run = begun(world, tmp_path / "run", "round-01/train")
    config = write_config(world, "small.yaml", 1, train="cpus: 1, mem: 150M, retries: 4")
    job = cluster.drive(config, run, ON_N3)
    log = assert_undisturbed(cluster, world, run, job)
    assert "out of memory with 150M; the next attempt gets 300M - tried again" in log
