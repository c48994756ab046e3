"""LaBSE's recipe and CRISS's loop on a dual encoder, carried out: tiny models, real commands, resumed by content."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from references.rounds_world import outputs, write_world

pytestmark = [pytest.mark.plugin, pytest.mark.timeout(900)]
CODES = ("aa", "bb", "cc")
STEPS = "--batch-size 20 --max-tokens 1000 --warmup-updates 2 --encoder-embed-dim 32 --max-positions 64"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three languages; the first 40 meanings as bitext of aa and cc, the last six as a test set."""
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    for code in CODES:
        ids, lines = ((folder / f"mono.{code}{end}").read_text().splitlines() for end in (".ids", ""))
        said = dict(zip(ids, lines, strict=True))
        for name, numbers in (("bitext", range(40)), ("test", range(54, 60))):
            (folder / f"{name}.{code}").write_text("".join(f"{said[str(i)]}\n" for i in numbers), encoding="utf-8")
    return folder


def iterate(root: Path, world: Path, run: Path, **sections: Any) -> str:
    """One driver to its end; what it said."""
    files = {code: {"mono": f"mono.{code}", "ids": f"mono.{code}.ids", "test": f"test.{code}"} for code in CODES}
    values = {"languages": files, "pairs": ["aa-cc"], "pieces": {"vocabulary": 90, "kind": "bpe"}, **sections}
    config = world / f"{run.name}.yaml"
    config.write_text(yaml.safe_dump(values), encoding="utf-8")
    words = ["-m", "fairseq_xling", "iterate", str(config), "--run-dir", str(run), "--executor", "inline"]
    done = subprocess.run(
        [sys.executable, *words],
        env=os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def stacking(layers: list[int], **more: Any) -> dict[str, Any]:
    return {
        "arch": "dual_encoder_tiny", "layers": layers, "max_update": 4, "args": STEPS,
        "bitext": {"cc-aa": ["bitext.cc", "bitext.aa"]}, **more,
    }  # fmt: skip


def scores(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "scores.jsonl").read_text(encoding="utf-8").splitlines()]


def test_stages_align_and_mine(root: Path, world: Path, tmp_path: Path) -> None:
    """Stage by stage; what is there is kept when the recipe goes on, and the last model mines."""
    run = tmp_path / "stacked"
    iterate(root, world, run, stacking=stacking([1]))
    first = outputs(run)
    assert set(first) == {
        "prepare", "round-00/evaluate/surface-test", "round-01/pretrain", "round-01/evaluate/retrieval-test",
    }  # fmt: skip
    mining = {"threshold": 0, "retrieval": "intersect"}
    align = {"max_update": 4, "args": STEPS}
    said = iterate(root, world, run, stacking=stacking([1, 2], align=align, mine=True), mining=mining)
    after = outputs(run)
    assert first.items() <= after.items()
    assert "started prepare" not in said
    assert "started round-01/pretrain" not in said
    assert "1 layers stacked to 2" in (run / "logs" / "round-02" / "pretrain.log").read_text() + (
        run / "round-02" / "pretrain" / "train.log"
    ).read_text(encoding="utf-8")
    assert (run / "round-03" / "mine" / "aa-cc" / "pairs.tsv").stat().st_size > 0
    found = {(score["round"], score["name"]) for score in scores(run)}
    assert {(1, "tatoeba.accuracy"), (2, "tatoeba.accuracy"), (3, "tatoeba.accuracy"), (3, "pairs.precision")} <= found
    assert "dual_alignment" in json.dumps((run / "round-03" / "align" / "stage.json").read_text())


def test_crisss_loop_on_a_dual_encoder(root: Path, world: Path, tmp_path: Path) -> None:
    """The round's training ranks what spelling mined, starts from the pretrained model, and the new model mines."""
    run = tmp_path / "loop"
    iterate(
        root, world, run, rounds=1,
        start={"miner": "surface", "pretrain": {"max_update": 4, "args": STEPS}},
        training={"arch": "dual_encoder_tiny", "max_update": 4, "args": STEPS},
        mining={"threshold": 0, "retrieval": "intersect"}, assembly={"validation": 4, "filters": ""},
    )  # fmt: skip
    log = (run / "round-01" / "train" / "train.log").read_text(encoding="utf-8")
    weights = json.loads((run / "pretrain" / "model" / "manifest.json").read_text())["counts"]["weights"]
    assert f"dual | weights before update 1: {weights}" in log
    assert (run / "round-01" / "mine" / "aa-cc" / "pairs.tsv").is_file()
    assert {score["name"] for score in scores(run) if score["round"] == 1} >= {"tatoeba.accuracy", "pairs.precision"}
    assert not [name for name in outputs(run) if "translation" in name]
