"""Three invented languages that share word stems, and a configuration of three rounds that runs in half a minute."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

SENTENCES = 60
CONFIG = """
seed: 1
languages:
  aa: {{mono: mono.aa, ids: mono.aa.ids}}
  bb: {{mono: mono.bb, ids: mono.bb.ids}}
  cc: {{mono: mono.cc, ids: mono.cc.ids}}
pairs: [aa-bb, aa-cc]
rounds: {rounds}
start:
  miner: surface
  pretrain: {{max_update: {pretraining}, save_every: 2, args: "--max-tokens 400 --warmup-updates 2"}}
pieces: {{vocabulary: 90, kind: bpe}}
mining: {{retrieval: intersect, threshold: 0, max_count: [10, 20]}}
training:
  arch: criss_tiny
  max_update: {training}
  save_every: 2
  args: "--max-tokens 400 --warmup-updates 2 {more}"
evaluation: {{metrics: [pairs]}}
resources:
  prepare: {{minutes: 15}}
  pretrain: {{nodes: 2, minutes: 15}}
  assemble: {{per_job: 2, minutes: 15}}
  binarise: {{minutes: 15}}
  train: {{minutes: 15, {train}}}
  encode: {{per_job: 3, minutes: 15}}
  tiles: {{cpus: 3, minutes: 15}}
  mine: {{at_once: 2, cpus: 1, minutes: 15}}
  evaluate: {{minutes: 15}}
"""


def write_world(folder: Path) -> None:
    """Each language's sentences in an order of its own, each word a stem with the language's ending."""
    draw = random.Random(7)
    stems = ["".join(draw.choice("bdgklmnprst") + draw.choice("aeiou") for _ in range(3)) for _ in range(30)]
    meanings = [[draw.choice(stems) for _ in range(draw.randint(3, 6))] for _ in range(SENTENCES)]
    folder.mkdir(parents=True, exist_ok=True)
    for number, (code, ending) in enumerate({"aa": "s", "bb": "n", "cc": "r"}.items()):
        order = list(range(SENTENCES))
        random.Random(number).shuffle(order)
        lines = [" ".join(stem + ending for stem in meanings[i]) for i in order]
        (folder / f"mono.{code}").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / f"mono.{code}.ids").write_text("".join(f"{i}\n" for i in order), encoding="utf-8")


def write_config(
    folder: Path, name: str, rounds: int, *, updates: tuple[int, int] = (6, 6), more: str = "", train: str = ""
) -> Path:
    """A configuration beside the texts; `updates` of pretraining and of each round's training."""
    path = folder / name
    path.write_text(
        CONFIG.format(rounds=rounds, pretraining=updates[0], training=updates[1], more=more, train=train or "cpus: 1"),
        encoding="utf-8",
    )
    return path


def outputs(run: Path) -> dict[str, str]:
    """The content of every stage of a finished run."""
    return dict(json.loads((run / "manifest.json").read_text(encoding="utf-8"))["outputs"])


def expected(world: Path, run: Path) -> dict[str, str]:
    """What the undisturbed run has for the stages of another, perhaps shorter one."""
    undisturbed = outputs(world / "local")
    return {name: undisturbed[name] for name in outputs(run)}


def begun(world: Path, run: Path, without: str) -> Path:
    """A run directory with the undisturbed run's first round but one stage; what follows is kept if it fits."""
    for name in ("prepare", "pretrain", "round-00", "round-01"):
        shutil.copytree(world / "local" / name, run / name)
    shutil.rmtree(run / without)
    (run / "logs").mkdir()
    shutil.copy(world / "local" / "config.yaml", run / "config.yaml")
    return run
