"""A slim model is the same model: weights, languages and outputs; equal weights give equal bytes."""

from __future__ import annotations

from argparse import Namespace

import pytest
import torch
from references import small_dual
from references.written_dual import write_dual
from references.written_model import WrittenModel, write_checkpoint

from fairseq_xling.data.pairs import open_dictionary
from fairseq_xling.encoders.opening import ModelChoice, open_encoder, open_model
from fairseq_xling.files import read_manifest, sha256_file
from fairseq_xling.interchange.slim import slim_folder
from fairseq_xling.models._checkpoints import weights_hash
from fairseq_xling.models._dual_checkpoints import HEADS
from fairseq_xling.models.dual_encoder import DualEncoderModel


def choice(model: WrittenModel, checkpoint=None) -> ModelChoice:
    files = (str(model.data / name) for name in ("dict.txt", "spm.model"))
    return ModelChoice(str(checkpoint or model.checkpoint), *files)


def test_everything_it_takes_to_use_the_model(written_model: WrittenModel, tmp_path) -> None:
    manifest = slim_folder(choice(written_model), str(tmp_path / "slim"))
    assert sorted(manifest.outputs) == ["dict.txt", "model.pt", "spm.model"]
    assert read_manifest(tmp_path / "slim" / "manifest.json") == manifest
    original = open_model(choice(written_model))
    slim = open_model(ModelChoice(str(tmp_path / "slim" / "model.pt")))
    assert weights_hash(slim.model) == weights_hash(original.model) == manifest.counts["weights"]
    assert slim.tokens.languages == original.tokens.languages
    assert list(slim.tokens.dictionary.symbols) == list(original.tokens.dictionary.symbols)


def test_no_optimizer_no_paths(written_model: WrittenModel, tmp_path) -> None:
    slim_folder(choice(written_model), str(tmp_path / "slim"))
    state = torch.load(tmp_path / "slim" / "model.pt", weights_only=True)
    assert "last_optimizer_state" not in state
    assert str(written_model.data) not in repr(state["cfg"])


@pytest.mark.parametrize("style", ["none", "suffix"])
def test_equal_weights_equal_bytes(written_model: WrittenModel, tmp_path, style: str) -> None:
    """Whatever else the checkpoint says, and wherever it lies."""
    (tmp_path / "far" / "away").mkdir(parents=True)
    one = write_checkpoint(tmp_path / "one.pt", written_model.data, style)
    two = write_checkpoint(tmp_path / "far" / "away" / "two.pt", written_model.data, style, lr=[0.5])
    for number, path in enumerate((one, two)):
        slim_folder(choice(written_model, path), str(tmp_path / f"slim{number}"))
    assert sha256_file(tmp_path / "slim0" / "model.pt") == sha256_file(tmp_path / "slim1" / "model.pt")
    again = open_model(ModelChoice(str(tmp_path / "slim0" / "model.pt")))
    assert again.tokens.source_style == style


def test_slim_of_slim_is_the_same(written_model: WrittenModel, tmp_path) -> None:
    slim_folder(choice(written_model), str(tmp_path / "a"))
    slim_folder(ModelChoice(str(tmp_path / "a" / "model.pt")), str(tmp_path / "b"))
    assert sha256_file(tmp_path / "a" / "model.pt") == sha256_file(tmp_path / "b" / "model.pt")


def test_a_dual_encoder_without_its_training_heads(written_model: WrittenModel, tmp_path) -> None:
    heads = {"dual_train_head": True, "rtl_layers": 1, "dual_pooling": "max"}
    choice = write_dual(tmp_path / "d.pt", written_model.data, "none", **heads)
    manifest = slim_folder(choice, str(tmp_path / "slim"))
    original, slim = open_encoder(choice), open_encoder(ModelChoice(str(tmp_path / "slim" / "model.pt")))
    assert weights_hash(slim.model) == weights_hash(original.model) == manifest.counts["weights"]
    assert (slim.model.pooling, slim.tokens.source_style) == ("max", "none")
    assert not any("head." in name for name in slim.model.state_dict() if "lm_head" not in name)


def test_half_precision_is_kept(written_model: WrittenModel, tmp_path) -> None:
    state = torch.load(written_model.checkpoint, weights_only=False)
    state["model"] = {name: value.half() for name, value in state["model"].items()}
    torch.save(state, tmp_path / "half.pt")
    slim_folder(choice(written_model, tmp_path / "half.pt"), str(tmp_path / "slim"))
    weights = torch.load(tmp_path / "slim" / "model.pt", weights_only=True)["model"]
    assert {value.dtype for value in weights.values()} == {torch.float16}
    assert all(torch.equal(value, state["model"][name]) for name, value in weights.items())


def test_the_weights_hash_is_the_one_that_a_training_logs(written_model: WrittenModel, tmp_path) -> None:
    """Whatever heads that training adds."""
    symbols = open_dictionary(str(written_model.data / "dict.txt"))
    model = small_dual.model(symbols=symbols, rtl_layers=1, dual_train_head=True, dual_pooling="mean")
    state = {
        "args": Namespace(**vars(model.args)), "model": model.state_dict(),
        "optimizer_history": [{"optimizer_name": "adam", "lr_scheduler_state": {}, "num_updates": 1}],
        "extra_state": {"train_iterator": {"epoch": 1}},
        "task_state": {"dual": {"languages": ["aa", "bb"], "style": "first"}},
    }  # fmt: skip
    torch.save(state, tmp_path / "dual.pt")
    manifest = slim_folder(choice(written_model, tmp_path / "dual.pt"), str(tmp_path / "slim"))
    slim = open_encoder(ModelChoice(str(tmp_path / "slim" / "model.pt")))
    assert isinstance(slim.model, DualEncoderModel)
    assert (slim.model.pooling, slim.model.train_head, slim.model.rtl_head) == ("mean", None, None)
    tokens = small_dual.padded(small_dual.sentences([3, 5], symbols), symbols.pad())
    assert torch.equal(slim.model.sentence_vectors(tokens), model.sentence_vectors(tokens))
    assert manifest.counts["weights"] == weights_hash(slim.model) == weights_hash(model, HEADS)
    assert weights_hash(model) != weights_hash(model, HEADS)
    slim_folder(ModelChoice(str(tmp_path / "slim" / "model.pt")), str(tmp_path / "again"))
    assert sha256_file(tmp_path / "again" / "model.pt") == sha256_file(tmp_path / "slim" / "model.pt")
