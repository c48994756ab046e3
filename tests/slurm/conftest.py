"""A cluster for the session, and an undisturbed run to compare with."""

from __future__ import annotations

import getpass
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import cli_environment
from references.rounds_world import write_config, write_world
from references.slurm_cluster import NODES, Cluster, missing_programs, wait_for


@pytest.fixture(scope="session")
def make_cluster() -> Iterator[Callable[[bool], Cluster]]:
    """A started cluster, without or with accounting; skips where its programs are not installed."""
    started: dict[bool, Cluster] = {}

    def make(accounting: bool) -> Cluster:
        missing = missing_programs(accounting)
        if missing:
            packages = "slurmctld slurmd slurm-client munge" + (" slurmdbd mariadb-server" if accounting else "")
            pytest.skip(f"{missing[0]} is not installed (Debian packages: {packages})")
        if accounting not in started:
            cluster = started[accounting] = Cluster(Path(tempfile.mkdtemp(prefix="xl-slurm-")), accounting)
            cluster.start()
        return started[accounting]

    yield make
    for cluster in started.values():
        cluster.stop()
        shutil.rmtree(cluster.folder, ignore_errors=True)


@pytest.fixture
def cluster(make_cluster: Callable[[bool], Cluster]) -> Cluster:
    """The cluster without accounting, with all its nodes up."""
    found = make_cluster(False)
    if "slurmctld" not in found.daemons:
        found.start_controller()
    found.asks("scancel", f"--user={getpass.getuser()}")
    for node in NODES:
        if node not in found.daemons:
            found.start_node(node)
    wait_for(lambda: found.idle() == len(NODES), 60, "the nodes")
    wait_for(lambda: not found.call("squeue", "--noheader"), 60, "the end of older jobs")
    return found


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts of three languages, and under local/ an undisturbed run of three rounds by the local executor."""
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    config = write_config(folder, "three.yaml", 3)
    words = [sys.executable, "-m", "fairseq_xling", "iterate", str(config), "--run-dir", str(folder / "local")]
    done = subprocess.run(
        [*words, "--cpus", "1"], env=cli_environment(), capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder
