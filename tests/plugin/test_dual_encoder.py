"""Dual encoders under fairseq's own commands: several processes, stages, hydra, classification, encode and mine."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from references.criss_world import ADAM, QUIET, World, done, logged, make_world, run
from references.grammar import LANGUAGES, sentence
from torch import Tensor

pytestmark = pytest.mark.plugin

PLUGIN = ["--user-dir", "fairseq_xling"]
TINY = ["--arch", "dual_encoder_tiny", "--encoder-embed-dim", "32", "--encoder-layers", "2", "--dropout", "0"]
TINY += ["--attention-dropout", "0", "--max-positions", "64"]
ALIGN = ["--task", "dual_alignment", "--criterion", "translation_ranking", "--dual-pairs", "aa-bb"]
TRAIN = [*PLUGIN, *TINY, *ADAM, *QUIET, "--warmup-updates", "10", "--log-interval", "1"]
TRAIN += ["--required-batch-size-multiple", "1", "--disable-validation"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """100 sentence pairs for each pair of languages."""
    made = make_world(tmp_path_factory.mktemp("world"), pairs=300)
    lines = [f"1.{9 - k}\t{i}\t{(i + 7 * k) % 100}\tforward\t{k}\n" for i, k in itertools.product(range(100), range(4))]
    (made.binarised / "train.aa-bb.neighbours.tsv").write_text("".join(lines), encoding="utf-8")
    return made


def train(world: World, name: str, *more: str) -> str:
    return done(run("fairseq-train", world.binarised, *TRAIN, "--save-dir", world.root / name, *more, cwd=world.root))


def weights(world: World, name: str) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(world.root / name / "checkpoint_last.pt", weights_only=False)["model"]
    return state


def test_two_processes_with_caching_are_one_without(world: World) -> None:
    """All pairs are one batch, of which two processes have halves: every sentence is a candidate for all others."""
    common = [*ALIGN, "--ranking-direction", "both", "--dual-train-head", "--dual-hard-negatives", "2"]
    common += ["--max-update", "3"]
    one = train(world, "one", *common, "--batch-size", "100")
    halves = ["--batch-size", "50", "--distributed-world-size", "2", "--ranking-chunk", "16"]
    two = train(world, "two", *common, *halves)
    assert "distributed init (rank 1)" in two
    for record, other in zip(logged(one, "train_inner"), logged(two, "train_inner"), strict=True):
        assert float(record["loss"]) == pytest.approx(float(other["loss"]), abs=2e-4)
    alone, together = weights(world, "one"), weights(world, "two")
    assert alone.keys() == together.keys()
    for name, value in alone.items():
        assert float((value - together[name]).abs().max()) < 1e-5, name


def test_a_rank_without_a_batch(world: World) -> None:
    """Three batches on two processes: the second one's spare batch counts for nothing."""
    common = [*ALIGN, "--max-update", "2", "--batch-size", "34", "--distributed-world-size", "2"]
    records = logged(train(world, "spare", *common), "train_inner")
    assert sum(float(record["bsz"]) for record in records) == 100


def test_from_masked_stages_to_mined_pairs(world: World, tmp_path: Path) -> None:
    """Masked pretraining, a stacked second stage, alignment with RTL both ways, then encode, mine, evaluate."""
    masked = ["--task", "masked_pairs", "--criterion", "masked_pairs", "--dual-pairs", "aa-bb,aa-cc,bb-cc"]
    train(world, "stage1", *masked, "--batch-size", "64", "--max-update", "3", "--encoder-layers", "1")
    start = ["--finetune-from-model", str(world.root / "stage1" / "checkpoint_last.pt"), "--dual-stack"]
    second = train(world, "stage2", *masked, *start, "--batch-size", "64", "--max-update", "3")
    assert "1 layers stacked to 2" in second
    start = ["--finetune-from-model", str(world.root / "stage2" / "checkpoint_last.pt")]
    more = ["--criterion", "rtl", "--rtl-direction", "both", "--rtl-layers", "1", "--tlm-weight", "0.1"]
    log = train(world, "aligned", *ALIGN, *more, *start, "--batch-size", "50", "--max-update", "60")
    first, *_, last = [float(record["ranking_loss"]) for record in logged(log, "train_inner")]
    assert last < 0.7 * first
    assert {"rtl_loss", "tlm_loss"} <= logged(log, "train_inner")[0].keys()
    checkpoint = world.root / "aligned" / "checkpoint_last.pt"
    said = world.train[:60]
    for language in ("aa", "bb"):
        text = tmp_path / f"t.{language}"
        text.write_text("".join(sentence(m, language) + "\n" for m in said), encoding="utf-8")
        words = ["--checkpoint", checkpoint, "--spm", world.spm, "--lang", language, "--input", text]
        done(run("fairseq-xling", "encode", *words, "--output", tmp_path / language, cwd=tmp_path))
    sides = ["--source", tmp_path / "aa", "--target", tmp_path / "bb"]
    done(run("fairseq-xling", "mine", *sides, "--threshold", "0", "--output", tmp_path / "p.tsv", cwd=tmp_path))
    rows = [line.split("\t") for line in (tmp_path / "p.tsv").read_text(encoding="utf-8").splitlines()]
    assert sum(source == target for _, source, target in rows) > 20  # by chance one
    score = done(run("fairseq-xling", "evaluate", "tatoeba", *sides, cwd=tmp_path))
    assert float(score.split("tatoeba.accuracy")[1].split()[0]) > 0.3
    assert "pooling:first" in (tmp_path / "aa" / "manifest.json").read_text(encoding="utf-8")


def test_further_objectives_of_masked_pairs(world: World) -> None:
    """On two processes; what one of them adds to the model is left out where the next training has none."""
    masked = ["--task", "masked_pairs", "--criterion", "masked_pairs", "--dual-pairs", "aa-bb,aa-cc"]
    masked += ["--masked-objectives", "recovery,similarity:0.5", "--batch-size", "32", "--optimizer", "fused_adam"]
    log = train(world, "told", *masked, "--max-update", "25", "--distributed-world-size", "2")
    records = logged(log, "train_inner")
    for name in ("masked_loss", "recovery_loss", "similarity_loss"):
        values = [float(record[name]) for record in records]
        assert sum(values[-5:]) < 0.98 * sum(values[:5]), name
    assert "recovery_head.product" in weights(world, "told")
    start = ["--finetune-from-model", str(world.root / "told" / "checkpoint_last.pt")]
    train(world, "after", *ALIGN, *start, "--batch-size", "50", "--max-update", "1")
    assert "recovery_head.product" not in weights(world, "after")


def test_hydra(world: World) -> None:
    config = world.root / "config"
    config.mkdir()
    (config / "tiny.yaml").write_text(
        f"""common: {{user_dir: fairseq_xling, cpu: true, log_format: json, log_interval: 1}}
task: {{_name: dual_alignment, data: {world.binarised}, dual_pairs: "aa-bb,aa-cc", dual_eval_retrieval: true}}
model: {{_name: dual_encoder_tiny, encoder_embed_dim: 32, encoder_layers: 2, rtl_layers: 1}}
criterion: {{_name: rtl, rtl_weight: 0.5, ranking_margin: 0.3, ranking_direction: both, ranking_combine: sum}}
optimizer: {{_name: adam, adam_betas: "(0.9,0.98)"}}
lr_scheduler: {{_name: inverse_sqrt, warmup_updates: 10}}
dataset: {{batch_size: 50}}
optimization: {{lr: [0.002], max_update: 4}}
checkpoint: {{save_dir: {world.root}/hydra, no_epoch_checkpoints: true}}
""",
        encoding="utf-8",
    )
    finished = run("fairseq-hydra-train", "--config-dir", config, "--config-name", "tiny", cwd=world.root)
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-3000:]
    state = torch.load(world.root / "hydra" / "checkpoint_last.pt", weights_only=False)
    assert state["model"]["encoder.sentence_encoder.embed_positions.weight"].shape == (514, 32)
    assert state["task_state"]["dual"]["languages"] == list(LANGUAGES)
    assert any(name.startswith("rtl_head.layers.0") for name in state["model"])


def test_resumed_where_it_stopped(world: World) -> None:
    common = [*ALIGN, "--criterion", "rtl", "--batch-size", "30", "--dropout", "0.1", "--rtl-ratio", "0.7"]
    train(world, "straight", *common, "--max-update", "7")
    train(world, "parts", *common, "--max-update", "5")
    train(world, "parts", *common, "--max-update", "7")
    alone, together = weights(world, "straight"), weights(world, "parts")
    assert max(float((alone[name] - together[name]).abs().max()) for name in alone) < 1e-6


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([*ALIGN, "--ranking-margin-on", "angle"], "--ranking-margin-on must be one of cosine, logit"),
        ([*ALIGN, "--criterion", "rtl", "--rtl-layers", "5"], "--rtl-layers must be between 1 and the tower's 2"),
        ([*ALIGN, "--criterion", "rtl", "--rtl-layers", "0"], "needs a model with an RTL head"),
        (["--task", "masked_pairs", "--criterion", "masked_pairs", "--dual-langs", "aa"], "nothing to train on"),
        ([*ALIGN, "--dual-pairs", "aa-dd"], "leave it out of --dual-eval-pairs"),
    ],
)
def test_errors_are_one_line(world: World, words: list[str], says: str) -> None:
    options = [*TRAIN, "--save-dir", "none", "--batch-size", "8"]
    finished = run("fairseq-train", world.binarised, *options, *words, cwd=world.root)
    assert finished.returncode == 2, finished.stderr[-2000:]
    assert finished.stderr.splitlines()[-1].startswith("fairseq-xling: error: ")
    assert says in finished.stderr.splitlines()[-1]
    assert "Traceback" not in finished.stderr


def test_sentence_classification(world: World, tmp_path: Path) -> None:
    """fairseq's own task finetunes a dual encoder on pairs of sentences and scores another language (XNLI's format)."""
    train(world, "pre", *ALIGN, "--batch-size", "50", "--max-update", "2")
    data = tmp_path / "nli"
    pieces = world.pieces()
    for split, meant, language in (("train", world.train[:80], "aa"), ("valid", world.valid, "cc")):
        for side, shift in (("input0", 0), ("input1", 1)):
            chosen = [meant[(i + shift * (i % 2)) % len(meant)] for i in range(len(meant))]
            lines = [" ".join(pieces.encode(sentence(meaning, language), out_type=str)) for meaning in chosen]
            (tmp_path / f"{split}.{side}").write_text("\n".join(lines) + "\n", encoding="utf-8")
        labels = [("other", "same")[i % 2 == 0] for i in range(len(meant))]
        (tmp_path / f"{split}.label").write_text("\n".join(labels) + "\n", encoding="utf-8")
    symbols = world.binarised / "dict.txt"
    for name in ("input0", "input1", "label"):
        prefixes = [f"--{kind}pref={tmp_path}/{kind}.{name}" for kind in ("train", "valid")]
        known = [] if name == "label" else ["--srcdict", symbols]
        done(run("fairseq-preprocess", "--only-source", *prefixes, "--destdir", data / name, *known, cwd=tmp_path))
    words = [
        "--task",
        "sentence_prediction",
        "--criterion",
        "sentence_prediction",
        "--num-classes",
        "2",
        "--init-token",
    ]
    words += ["0", "--separator-token", "2", "--max-positions", "64", "--batch-size", "16", "--max-update", "6"]
    start = ["--restore-file", world.root / "pre" / "checkpoint_last.pt", "--reset-optimizer", "--reset-dataloader"]
    options = [word for word in TRAIN if word != "--disable-validation"]
    log = done(run("fairseq-train", data, *options, *words, *start, "--reset-meters", "--save-dir", tmp_path / "out",
                   cwd=tmp_path))  # fmt: skip
    assert "valid_accuracy" in logged(log, "valid")[-1]
    state = torch.load(tmp_path / "out" / "checkpoint_last.pt", weights_only=False)["model"]
    assert state["classification_heads.sentence_classification_head.out_proj.weight"].shape == (2, 32)
    moved = (
        state["encoder.sentence_encoder.layers.0.fc1.weight"]
        - weights(world, "pre")["encoder.sentence_encoder.layers.0.fc1.weight"]
    )
    assert 0 < float(moved.abs().max()) < 0.1  # it went on from there
