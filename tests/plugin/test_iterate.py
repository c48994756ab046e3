"""Real rounds of tiny models: the same whoever carries them out, whatever they are scored on, however often killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from references.rounds_world import outputs, write_world

from fairseq_xling.cli.iterate import call, load
from fairseq_xling.errors import RoundError
from fairseq_xling.rounds import drive
from fairseq_xling.rounds.criss import plan_criss
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.restart import weights_before, weights_of
from fairseq_xling.rounds.stages import Product
from fairseq_xling.rounds.state import RunDirectory

CODES = ("aa", "bb", "cc")
# A run of three trainings is a minute on a free machine and many on a busy one.
pytestmark = pytest.mark.timeout(1800)
STEPS = "--max-tokens 400 --warmup-updates 2"


def write_config(folder: Path, name: str, held_out: bool) -> Path:
    """Two rounds; without ids and test files where nothing is held out."""
    languages: dict[str, Any] = {code: {"mono": f"mono.{code}"} for code in CODES}
    for code in CODES if held_out else ():
        languages[code] |= {"ids": f"mono.{code}.ids", "test": f"test.{code}"}
    values = {
        "languages": languages, "pairs": ["aa-bb", "aa-cc"], "rounds": 2,
        "start": {"pretrain": {"max_update": 6, "save_every": 2, "args": STEPS}},
        "pieces": {"vocabulary": 90, "kind": "bpe"},
        "mining": {"retrieval": "intersect", "threshold": 0, "max_count": [10, 20]},
        "training": {"arch": "criss_tiny", "max_update": 7, "save_every": 2, "args": STEPS},
        "translation": {"beam": 1, "max_len_b": 12},
    }  # fmt: skip
    (folder / name).write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder / name


def environment(root: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}", "OMP_NUM_THREADS": "1"}


def iterate(root: Path, config: Path, run: Path, executor: str = "inline") -> str:
    """A driver to its end; what it said."""
    words = ["-m", "fairseq_xling", "iterate", str(config), "--run-dir", str(run), "--executor", executor]
    done = subprocess.run(
        [sys.executable, *words],
        env=environment(root),
        capture_output=True,
        encoding="utf-8",
        timeout=1700,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.fixture(scope="module")
def world(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The texts, both configurations, and the undisturbed run, which is only to be read."""
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    for code in CODES:
        sentences = dict(
            zip(*((folder / f"mono.{code}{end}").read_text().split("\n") for end in (".ids", "")), strict=True)
        )
        (folder / f"test.{code}").write_text("".join(f"{sentences[str(i)]}\n" for i in range(6)), encoding="utf-8")
    iterate(root, write_config(folder, "config.yaml", held_out=True), folder / "undisturbed")
    write_config(folder, "bare.yaml", held_out=False)
    return folder


def copy_of(world: Path, to: Path, *without: str) -> Path:
    """The undisturbed run but some stages."""
    shutil.copytree(world / "undisturbed", to)
    for name in ("manifest.json", "logs/driver.log"):
        (to / name).unlink()
    for name in without:
        shutil.rmtree(to / name)
    return to


@pytest.mark.plugin
def test_no_leak_and_every_executor_the_same(root: Path, world: Path, tmp_path: Path) -> None:
    """Without ids and test sets, side by side instead of one after the other: byte for byte the same."""
    run = tmp_path / "R"
    iterate(root, world / "bare.yaml", run, "local")
    expected = outputs(world / "undisturbed")
    assert outputs(run) == {name: digest for name, digest in expected.items() if "/evaluate/" not in name}
    for pattern, count in (("*/mine/*/pairs.tsv", 6), ("*/train/model/model.pt", 2), ("pretrain/model/model.pt", 1)):
        found = list(run.glob(pattern))
        assert len(found) == count
        for path in found:
            assert path.read_bytes() == (world / "undisturbed" / path.relative_to(run)).read_bytes()
    assert not [path for path in run.glob("round-*/evaluate/*") if path.name != "surface-test"]
    said = iterate(root, world / "config.yaml", run, "local")
    assert {line.split()[2].split("/")[1] for line in said.splitlines() if " done round" in line} == {"evaluate"}
    assert outputs(run) == expected


@pytest.mark.plugin
def test_every_round_starts_from_the_original(world: Path) -> None:
    run = RunDirectory(world / "undisturbed")
    original = weights_of(run, "pretrain")
    assert weights_before(run, "round-01/train") == weights_before(run, "round-02/train") == original
    assert weights_of(run, "round-01/train") != original
    assert len({score["round"] for score in map(json.loads, open(run.root / "scores.jsonl"))}) == 3  # noqa: SIM115


@pytest.mark.plugin
def test_a_warm_start_is_caught(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = copy_of(world, tmp_path / "R")

    def doctored(config: Any) -> Plan:
        stages = list(plan_criss(config))
        for stage in stages:
            if stage.name == "round-02/train":
                stage.inputs["model"] = Product("round-01/train")  # type: ignore[index]
        return Plan(stages)

    monkeypatch.setattr(drive, "plan_of", doctored)
    with pytest.raises(RoundError, match="round-02/train started from weights .* must start from the original model"):
        drive.drive(load(None, run), run, "inline", 1, call)


# ---- kill -9


def kill_when_held(root: Path, config: Path, run: Path, held: str, mark: Path) -> None:
    """Start a driver that stands still there, and kill it."""
    words = ["-m", "references.held_iterate", str(mark), held, str(config), "--run-dir", str(run)]
    kill_when(root, words, mark.exists)
    mark.unlink()


def kill_in_training(root: Path, config: Path, run: Path, stage: str, updates: int) -> None:
    """Start a driver, and kill it when a training has saved so many updates."""
    slug = stage.replace("/", "~")

    def saved() -> bool:
        return any(run.glob(f".attempts/{slug}.attempt.*/out/checkpoints/checkpoint_*_{updates}.pt"))

    assert not saved()
    words = ["-m", "fairseq_xling", "iterate", str(config), "--run-dir", str(run), "--executor", "inline"]
    kill_when(root, words, saved)
    assert not (run / stage).exists()


def kill_when(root: Path, words: list[str], reached: Any) -> None:
    process = subprocess.Popen(
        [sys.executable, *words], env=environment(root), stderr=subprocess.PIPE, encoding="utf-8"
    )
    end = time.monotonic() + 600
    try:
        while not reached():
            assert process.poll() is None, process.communicate()[1][-3000:]
            assert time.monotonic() < end, "it never came there"
            time.sleep(0.005)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.plugin
def test_three_kills(root: Path, world: Path, tmp_path: Path) -> None:
    """In mining, in publishing, in training: what comes out is what would have come out."""
    run = copy_of(world, tmp_path / "R", "round-02/train", "round-02/mine/aa-bb", "round-01/mine/aa-cc")
    config, mark = world / "config.yaml", tmp_path / "mark"
    kill_when_held(root, config, run, "verb:mine", mark)
    kill_when_held(root, config, run, "before:round-01/mine/aa-cc", mark)
    kill_in_training(root, config, run, "round-02/train", 2)
    said = iterate(root, config, run)
    assert outputs(run) == outputs(world / "undisturbed")
    assert "taken over from process" in said
    log = (run / "round-02" / "train" / "train.log").read_text()
    assert re.search(r"Loaded checkpoint \S+/checkpoint_last.pt \(epoch \d+ @ 2 updates\)", log)
    assert list((run / ".attempts").iterdir()) == []


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_twenty_kills(root: Path, world: Path, tmp_path: Path) -> None:
    """From an empty directory: inside every kind of stage, and on both sides of the rename that publishes one."""
    run, config, mark = tmp_path / "R", world / "config.yaml", tmp_path / "mark"
    points: list[str | tuple[str, int]] = [
        "verb:prepare", "before:prepare", "after:prepare", ("pretrain", 2), ("pretrain", 4), "verb:convert",
        "before:pretrain", "verb:encode", "after:round-00/encode/aa", "verb:mine", "before:round-00/mine/aa-bb",
        "verb:translate", "verb:assemble", "after:round-01/assemble/aa-bb", "before:round-01/binarise",
        ("round-01/train", 2), ("round-01/train", 4), "before:round-01/train", "verb:evaluate",
        "after:round-02/evaluate/pairs",
    ]  # fmt: skip
    assert len(points) == 20
    for point in points:
        if isinstance(point, str):
            kill_when_held(root, config, run, point, mark)
        else:
            kill_in_training(root, config, run, *point)
    iterate(root, config, run)
    assert outputs(run) == outputs(world / "undisturbed")
    log = (run / "logs" / "driver.log").read_text()
    assert log.count("taken over") == 20
    cut_short = {
        line.split()[3].split("/")[-2 if "/" in line.split()[3] else 0]
        for line in log.splitlines()
        if "started" in line
    }
    assert cut_short >= {"prepare", "pretrain", "encode", "mine", "assemble", "evaluate"}
    assert list((run / ".attempts").iterdir()) == []
