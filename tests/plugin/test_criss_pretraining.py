"""A small mBART pretrained by fairseq's multilingual denoising goes on in the task criss: same symbols and weights."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from fairseq.data import Dictionary
from references.criss_world import ADAM, LOSS, PLUGIN, QUIET, SMALL, World, binarise, done, logged, make_world, run
from references.grammar import LANGUAGES

from fairseq_xling.models._checkpoints import weights_hash
from fairseq_xling.models._loading import load_criss

pytestmark = pytest.mark.plugin

PRETRAIN = ["--task", "multilingual_denoising", "--langs", ",".join(LANGUAGES), "--add-lang-token", "--mask", "0.3"]
PRETRAIN += ["--mask-length", "span-poisson", "--replace-length", "1", "--rotate", "0", "--sample-break-mode", "eos"]
PRETRAIN += ["--tokens-per-sample", "64", "--criterion", "cross_entropy", "--max-tokens", "300"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """With DATA/LANGUAGE/train and valid, as that task reads them."""
    made = make_world(tmp_path_factory.mktemp("world"), pairs=90)
    for language in LANGUAGES:
        (made.binarised / language).mkdir()
        binarise(made, f"{language}/train", made.train, language)
        binarise(made, f"{language}/valid", made.valid, language)
    return made


@pytest.fixture(scope="module")
def pretrained(world: World) -> Path:
    folder = world.root / "pretrained"
    options = [*PRETRAIN, *SMALL, *ADAM, *QUIET, "--warmup-updates", "5", "--max-update", "8", "--log-interval", "1"]
    data = ["--user-dir", "fairseq_xling", "--save-dir", folder]
    log = done(run("fairseq-train", world.binarised, *options, *data, cwd=world.root))
    losses = [float(record["loss"]) for record in logged(log, "train_inner")]
    assert losses[-1] < losses[0]
    return folder / "checkpoint_last.pt"


def test_finetuning_starts_from_the_pretrained_weights(world: World, pretrained: Path) -> None:
    options = ["--criss-langs", ",".join(LANGUAGES), "--criss-pairs", "all", "--criss-source-token", "suffix"]
    options += ["--max-tokens", "300", "--max-update", "1", "--disable-validation", "--finetune-from-model", pretrained]
    save = ["--save-dir", world.root / "tuned"]
    log = done(
        run("fairseq-train", world.binarised, *PLUGIN, *SMALL, *LOSS, *ADAM, *QUIET, *options, *save, cwd=world.root)
    )
    (start,) = re.findall(r"weights before update 1: (\w{64})", log)
    symbols = Dictionary.load(str(world.binarised / "dict.txt"))
    for symbol in [*(f"[{language}]" for language in LANGUAGES), "<mask>"]:
        symbols.add_symbol(symbol)
    loaded = load_criss(str(pretrained), symbols)
    assert start == weights_hash(loaded.model)
    assert loaded.training.languages == LANGUAGES


def test_its_languages_are_compared(world: World, pretrained: Path) -> None:
    """As many languages in another order would give every language token another's row, silently."""
    options = ["--criss-langs", "cc,bb,aa", "--criss-pairs", "all", "--max-tokens", "300", "--max-update", "1"]
    options += ["--finetune-from-model", pretrained, "--save-dir", world.root / "never"]
    finished = run("fairseq-train", world.binarised, *PLUGIN, *SMALL, *LOSS, *ADAM, *QUIET, *options, cwd=world.root)
    assert finished.returncode == 2
    assert "Give --criss-langs aa,bb,cc" in finished.stderr


def test_stock_mbart_pretrains_for_us_too(world: World, pretrained: Path) -> None:
    """fairseq's own mbart_base at the same sizes: its checkpoint has final LayerNorms and goes on as ours."""
    sizes = ["--encoder-embed-dim", "32", "--decoder-embed-dim", "32", "--encoder-layers", "1", "--decoder-layers", "1"]
    sizes += ["--encoder-ffn-embed-dim", "128", "--encoder-attention-heads", "4", "--decoder-attention-heads", "4"]
    sizes += ["--encoder-normalize-before", "--decoder-normalize-before"]
    folder = world.root / "stock"
    options = [*PRETRAIN, "--arch", "mbart_base", *sizes, *ADAM, *QUIET, "--max-update", "2", "--disable-validation"]
    done(run("fairseq-train", world.binarised, *options, "--save-dir", folder, cwd=world.root))
    symbols = torch.load(pretrained, weights_only=False)["model"]["encoder.embed_tokens.weight"].size(0)
    stock = torch.load(folder / "checkpoint_last.pt", weights_only=False)["model"]
    assert stock["encoder.embed_tokens.weight"].size(0) == symbols
    more = ["--criss-langs", ",".join(LANGUAGES), "-s", "aa", "-t", "bb", "--cpu", "--beam", "1", "--max-len-b", "4"]
    log = done(
        run(
            "fairseq-generate", world.binarised, *PLUGIN, *more, "--path", folder / "checkpoint_last.pt", cwd=world.root
        )
    )
    assert log.count("\nH-") == len(world.test)
