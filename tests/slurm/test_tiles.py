"""One search shared by three nodes gives the pairs of one process: as stages of a run, and as an array by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from references.rounds_world import begun, write_config
from references.slurm_cluster import NODES, Cluster, wait_for

from fairseq_xling.cli.main import main

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(300)]


def test_stages_of_a_run(cluster: Cluster, world: Path, tmp_path: Path) -> None:
    run = begun(world, tmp_path / "run", "round-01/mine")
    config = write_config(world, "tiles.yaml", 1)
    config.write_text(config.read_text(encoding="utf-8").replace("mining: {", "mining: {tiles: 3, "), encoding="utf-8")
    job = cluster.drive(config, run)
    cluster.finish(job, run, 120)
    for pair in ("aa-bb", "aa-cc"):
        for number in (0, 1):
            mined = Path(f"round-0{number}", "mine", pair, "pairs.tsv")
            assert (run / mined).read_bytes() == (world / "local" / mined).read_bytes()
        said = json.loads((run / "round-01" / "mine" / pair / "pairs.manifest.json").read_text(encoding="utf-8"))
        assert said["counts"]["search"]["tiles"] == 3
    stages = [json.loads(path.read_text(encoding="utf-8")) for path in run.glob("round-01/tiles/*/stage.json")]
    assert len(stages) == 6
    log = (run / "logs" / "driver.log").read_text(encoding="utf-8")
    assert log.count("submitted round-01/tiles/aa-bb") == 3
    if cluster.named:  # each node has a host name of its own
        assert {stage["host"] for stage in stages} == set(NODES)


def test_an_array_by_hand(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(3)
    x = generator.random((300, 16), np.float32)
    np.save("x.npy", x)
    np.save("y.npy", x[::-1] + 0.1 * generator.random(x.shape, np.float32))
    sides = ["--source", "x.npy", "--target", "y.npy"]
    assert main(["mine", *sides, "--output", "whole.tsv"]) == 0
    assert main(["tiles", "plan", *sides, "--number", "3", "--tiles", "T"]) == 0
    line = f"hostname; {sys.executable} -m fairseq_xling tiles run $SLURM_ARRAY_TASK_ID --tiles T"
    job = cluster.call(
        "sbatch", "--parsable", "--array=0-2", "--cpus-per-task=3", "--output=%a.log", f"--wrap={line}", cwd=tmp_path
    )
    wait_for(lambda: not cluster.call("squeue", "--noheader", f"--jobs={job}"), 90, "the array")
    logs = [(tmp_path / f"{number}.log").read_text(encoding="utf-8") for number in range(3)]
    assert main(["tiles", "merge", *sides, "--tiles", "T", "--output", "o.tsv"]) == 0, logs
    assert (tmp_path / "o.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    if cluster.named:
        assert {log.splitlines()[0] for log in logs} == set(NODES)
