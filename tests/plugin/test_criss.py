"""The task `criss` under fairseq's own commands: train, resume, finetune, hydra, several processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from references.criss_world import ADAM, LOSS, PLUGIN, QUIET, SMALL, World, done, logged, make_world, run
from torch import Tensor

pytestmark = pytest.mark.plugin

OPTIONS = ["--criss-langs", "aa,bb,cc", "--criss-pairs", "all", "--max-tokens", "300", "--dropout", "0.1"]
TRAIN = [*PLUGIN, *SMALL, *LOSS, *ADAM, *QUIET, *OPTIONS, "--warmup-updates", "10", "--log-interval", "1"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"), pairs=300)


def train(world: World, folder: Path, *more: str) -> str:
    return done(run("fairseq-train", world.binarised, *TRAIN, "--save-dir", folder, *more, cwd=world.root))


def weights(folder: Path, name: str = "checkpoint_last.pt") -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(folder / name, weights_only=False)["model"]
    return state


def farthest(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    assert first.keys() == second.keys()
    return max(float((first[name].float() - second[name].float()).abs().max()) for name in first)


def start(log: str) -> str:
    (found,) = re.findall(r"criss \| weights before update 1: ([0-9a-f]{64})$", log, re.MULTILINE)
    return str(found)


@pytest.fixture(scope="module")
def straight(world: World) -> tuple[Path, str]:
    """20 updates in one go, with pairs sampled by temperature; an epoch has 14."""
    folder = world.root / "straight"
    return folder, train(world, folder, "--max-update", "20", "--criss-temperature", "2")


def test_twenty_updates(straight: tuple[Path, str]) -> None:
    folder, log = straight
    losses = [float(record["nll_loss"]) for record in logged(log, "train_inner")]
    assert len(losses) == 20
    assert sum(losses[-3:]) < sum(losses[:3])
    (first, last) = logged(log, "valid")
    assert float(last["valid_nll_loss"]) < float(first["valid_nll_loss"])
    assert {name for name in last if name.startswith("valid_nll_loss_")} == {
        f"valid_nll_loss_{direction}" for direction in ("aa-bb", "bb-aa", "aa-cc", "cc-aa", "bb-cc", "cc-bb")
    }
    assert "'criss_temperature': 2.0" in log
    assert (folder / "checkpoint_best.pt").is_file()
    start(log)


def test_resumed_in_the_middle_of_an_epoch(world: World, straight: tuple[Path, str]) -> None:
    """Sampling, order of batches and optimizer go on as if nothing had happened; dropout's random numbers too."""
    folder = world.root / "resumed"
    common = ["--criss-temperature", "2", "--disable-validation"]
    first = train(world, folder, "--max-update", "17", *common)
    again = train(world, folder, "--max-update", "20", *common)
    assert start(first) == start(straight[1])
    assert "weights before update 1" not in again  # it is not update 1
    assert [record["num_updates"] for record in logged(again, "train_inner")] == ["18", "19", "20"]
    assert farthest(weights(folder), weights(straight[0])) < 1e-6


def test_finetuning_one_direction(world: World, straight: tuple[Path, str]) -> None:
    """Supervised finetuning from a checkpoint is the same task on other data; a full save directory wins over it."""
    source = straight[0] / "checkpoint_last.pt"
    folder = world.root / "tuned"
    options = ["-s", "cc", "-t", "aa", "--finetune-from-model", str(source), "--disable-validation"]
    first = train(world, folder, "--max-update", "1", "--lr", "1e-9", *options)
    assert farthest(weights(folder), weights(straight[0])) < 1e-6
    other = train(world, world.root / "tuned2", "--max-update", "1", *options)
    assert start(first) == start(other) != start(straight[1])
    again = train(world, folder, "--max-update", "2", *options)
    assert "--finetune-from-model is not read" in again


def test_two_processes_are_one(world: World) -> None:
    """The same batches on two processes and, two by two, on one; without options that fairseq wants for BART."""
    common = ["--max-update", "6", "--dropout", "0", "--criss-eval-retrieval", "--criss-eval-bleu"]
    common += ["--criss-eval-bleu-args", '{"beam": 2, "max_len_b": 12}', "--best-checkpoint-metric", "retrieval"]
    common += ["--maximize-best-checkpoint-metric"]
    one = train(world, world.root / "one", "--update-freq", "2", *common)
    two = train(world, world.root / "two", "--distributed-world-size", "2", *common)
    assert "distributed init (rank 1)" in two
    assert farthest(weights(world.root / "one"), weights(world.root / "two")) < 1e-5
    for record, other in zip(logged(one, "train_inner"), logged(two, "train_inner"), strict=True):
        assert abs(float(record["loss"]) - float(other["loss"])) < 1e-5
    (alone,), (together,) = logged(one, "valid"), logged(two, "valid")
    names = [name for name in alone if re.search("loss|bleu|retrieval", name)]
    assert len(names) == 2 + 6 + 2 * 7
    for name in names:
        assert abs(float(alone[name]) - float(together[name])) < 2e-3, name
    best = torch.load(world.root / "two" / "checkpoint_best.pt", weights_only=False)["extra_state"]["best"]
    assert best == pytest.approx(float(together["valid_retrieval"]), abs=1e-4)


def test_bfloat16(world: World) -> None:
    log = train(world, world.root / "bf16", "--max-update", "12", "--bf16", "--disable-validation")
    losses = [float(record["nll_loss"]) for record in logged(log, "train_inner")]
    assert sum(losses[-3:]) < sum(losses[:3])


def test_raw_sentences(world: World) -> None:
    """--dataset-impl raw with a SentencePiece model reads text as it is, and trains on the same ids."""
    from references.grammar import write

    raw = world.root / "raw"
    raw.mkdir()
    (raw / "dict.txt").write_bytes((world.binarised / "dict.txt").read_bytes())
    for language in ("aa", "bb"):
        write(raw / f"train.aa-bb.{language}", world.train[:100], language)
    options = ["--criss-pairs", "aa-bb", "--max-update", "3", "--disable-validation", "--save-dir"]
    text = ["--dataset-impl", "raw", "--criss-sentencepiece", str(world.spm)]
    log = done(run("fairseq-train", raw, *TRAIN, *options, world.root / "text", *text, "--valid-subset", "train",
                   cwd=world.root))  # fmt: skip
    expected = train(world, world.root / "ids", "--criss-pairs", "aa-bb", "--max-update", "3", "--disable-validation")
    first, second = (logged(found, "train_inner") for found in (log, expected))
    assert [record["loss"] for record in first] == [record["loss"] for record in second]


def test_hydra(world: World) -> None:
    config = world.root / "config"
    config.mkdir()
    (config / "tiny.yaml").write_text(
        f"""common: {{user_dir: fairseq_xling, cpu: true, log_format: json, log_interval: 1}}
task: {{_name: criss, data: {world.binarised}, criss_langs: "aa,bb,cc", criss_pairs: "pivots:aa"}}
model: {{_name: criss_tiny, encoder_embed_dim: 32, encoder_layers: 1, decoder_layers: 1, dropout: 0.1}}
criterion: {{_name: label_smoothed_cross_entropy, label_smoothing: 0.1}}
optimizer: {{_name: adam, adam_betas: "(0.9,0.98)"}}
lr_scheduler: {{_name: inverse_sqrt, warmup_updates: 10}}
dataset: {{max_tokens: 300}}
optimization: {{lr: [0.002], max_update: 12}}
checkpoint: {{save_dir: {world.root}/hydra, no_epoch_checkpoints: true}}
""",
        encoding="utf-8",
    )
    command = ["--config-dir", str(config), "--config-name", "tiny"]
    finished = run("fairseq-hydra-train", *command, cwd=world.root)
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-3000:]
    state = torch.load(world.root / "hydra" / "checkpoint_last.pt", weights_only=False)
    assert state["model"]["encoder.embed_positions.weight"].shape == (1026, 32)
    assert state["cfg"]["task"]["criss_pairs"] == "pivots:aa"
    # What hydra wrote is read by the other commands.
    options = ["--criss-langs", "aa,bb,cc", "-s", "aa", "-t", "cc", "--cpu", "--beam", "1", "--max-len-b", "5"]
    path = world.root / "hydra" / "checkpoint_last.pt"
    log = done(run("fairseq-generate", world.binarised, *PLUGIN, *options, "--path", path, cwd=world.root))
    assert log.count("\nH-") == len(world.test)
    wrong = run("fairseq-hydra-train", *command, "task.criss_pairs=aa-xx", cwd=world.root)
    assert wrong.returncode == 2
    assert wrong.stderr.splitlines()[-1].startswith("fairseq-xling: error: pairs: unknown language `xx`")
    assert "Traceback" not in wrong.stderr
