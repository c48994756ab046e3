"""Checkpoints of other makers and ages: what loads, what is refused and how."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from references import releases, small_criss

from fairseq_xling.errors import CheckpointError
from fairseq_xling.languages import MBART_CC25
from fairseq_xling.models._loading import (
    Training,
    as_criss,
    checkpoint_options,
    load_criss,
    training_at,
    training_of,
)
from fairseq_xling.models.criss import CrissModel


@pytest.mark.parametrize("versions", [False, True])
@pytest.mark.parametrize("release", ["mbart", "criss"])
def test_releases(release: str, versions: bool, tmp_path: Path) -> None:
    symbols = releases.release_dictionary(tmp_path)
    args = releases.criss_namespace() if release == "criss" else releases.mbart_namespace()
    weights = releases.write_release(tmp_path / "model.pt", args, symbols, versions)
    assert weights["encoder.embed_tokens.weight"].size(0) == releases.TYPES + 25 + 1
    loaded = load_criss(str(tmp_path / "model.pt"), symbols)
    assert isinstance(loaded.model, CrissModel)
    assert not loaded.model.training
    assert loaded.training.languages == MBART_CC25
    assert loaded.training.source_token is None
    state = loaded.model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in weights.items())
    stock = small_criss.stock_model(Namespace(**vars(args)), symbols, seed=4)
    tokens = torch.tensor([[5, 9, 7, 2]])
    expected = stock.encoder(tokens)["encoder_out"][0].mean(dim=0)
    torch.testing.assert_close(loaded.model.sentence_vectors(tokens), expected, atol=1e-5, rtol=0)


def checkpoint(path: Path, **content: Any) -> str:
    """A checkpoint as today's fairseq writes it, our task's state included."""
    model = small_criss.model()
    args = small_criss.options()
    state = {
        "args": None,
        "cfg": {"model": {"_name": args.arch, **vars(args)}, "task": {"_name": "criss"}},
        "model": model.state_dict(),
        "optimizer_history": [{"optimizer_name": "X", "lr_scheduler_state": {}, "num_updates": 5}],
        "extra_state": {"train_iterator": {"epoch": 1}},
        "task_state": {"criss": {"languages": ["aa", "bb", "cc"], "source_token": "suffix"}},
    }
    torch.save({**state, **content}, path)
    return str(path)


def test_our_own(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "model.pt")
    loaded = load_criss(path, small_criss.dictionary())
    assert loaded.training == training_at(path)
    assert (loaded.training.languages, loaded.training.source_token) == (("aa", "bb", "cc"), "suffix")
    expected = small_criss.model().state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in loaded.model.state_dict().items())


def test_what_training_can_be_known() -> None:
    assert training_of({}) == Training()
    assert training_of({"args": Namespace(langs="aa,bb")}) == Training(("aa", "bb"))
    legacy = OmegaConf.create({"task": {"langs": "aa,bb", "_name": "multilingual_denoising"}})
    assert training_of({"args": None, "cfg": legacy}) == Training(("aa", "bb"))
    assert training_of({"cfg": {"task": Namespace(langs="aa,bb")}}) == Training(("aa", "bb"))
    assert training_of({"args": Namespace(langs=None), "cfg": None, "task_state": {}}) == Training()


def test_old_files_are_not_read_twice(tmp_path: Path) -> None:
    """torch's old format cannot be mapped; reading gigabytes only for a name is not worth it."""
    symbols = releases.release_dictionary(tmp_path)
    releases.write_release(tmp_path / "model.pt", releases.mbart_namespace(), symbols)
    assert training_at(str(tmp_path / "model.pt")) == Training()


def test_refusals(tmp_path: Path) -> None:
    symbols = small_criss.dictionary()
    with pytest.raises(CheckpointError, match=r"gone\.pt does not exist"):
        load_criss(str(tmp_path / "gone.pt"), symbols)
    (tmp_path / "text.pt").write_text("no checkpoint")
    with pytest.raises(CheckpointError, match=r"text\.pt cannot be read"):
        load_criss(str(tmp_path / "text.pt"), symbols)
    torch.save({"weights": torch.zeros(2)}, tmp_path / "foreign.pt")
    with pytest.raises(CheckpointError, match=r"foreign\.pt is not one that fairseq wrote"):
        load_criss(str(tmp_path / "foreign.pt"), symbols)
    nameless = checkpoint(tmp_path / "nameless.pt", cfg=None)
    with pytest.raises(CheckpointError, match="neither `cfg` nor `args`"):
        load_criss(nameless, symbols)
    other = checkpoint(tmp_path / "other.pt", cfg={"model": {"_name": "roberta_base"}, "task": {}})
    with pytest.raises(CheckpointError, match="model `roberta_base`, but an mBART or CRISS one is needed"):
        load_criss(other, symbols)
    with pytest.raises(CheckpointError, match="28 rows of embeddings, but the dictionary has 29 symbols"):
        load_criss(checkpoint(tmp_path / "model.pt"), small_criss.dictionary(words=21))


def test_stock_architectures_keep_their_own_defaults() -> None:
    """mbart_large has no final LayerNorms unless asked; criss_large has them."""
    changed = as_criss(Namespace(arch="mbart_large"))
    assert changed.arch == "criss_large"
    assert not changed.encoder_normalize_before
    kept = small_criss.options()
    assert as_criss(kept) is kept
    other = Namespace(arch="transformer_tiny")
    assert as_criss(other) is other


@pytest.mark.parametrize("model", [Namespace(_name="criss_tiny"), {"_name": "criss_tiny"}])
def test_options_of_a_file_that_was_read_without_fairseq(model: object) -> None:
    """fairseq-train keeps a model's options as a Namespace inside a mapping, the slim folder as a mapping."""
    found = checkpoint_options("c.pt", {"cfg": {"model": model, "task": {"data": "x"}, "bmuf": None}})
    assert found.model._name == "criss_tiny"
    assert found.task.data == "x"


def test_options_without_a_model_are_no_models() -> None:
    assert not vars(checkpoint_options("c.pt", {"cfg": {"task": {}}}).model)
