"""Checkpoints of dual encoders and of XLM-R, opened to encode."""

from __future__ import annotations

from argparse import Namespace

import pytest
import torch
from fairseq.models.roberta import RobertaEncoder, RobertaModel
from references import small_dual

from fairseq_xling.errors import CheckpointError
from fairseq_xling.models._dual_loading import dual_style, load_dual


def write(path, model, args, **state):
    given = {"args": Namespace(**vars(args)), "model": model.state_dict(), **state}
    given |= {"optimizer_history": [{"optimizer_name": "adam", "lr_scheduler_state": {}, "num_updates": 1}]}
    torch.save({**given, "extra_state": {"train_iterator": {"epoch": 1}}}, path)
    return str(path)


def tokens():
    symbols = small_dual.dictionary()
    return small_dual.padded(small_dual.sentences([3, 5], symbols), symbols.pad())


def test_a_dual_encoder_without_its_training_heads(tmp_path) -> None:
    model = small_dual.model(rtl_layers=2, dual_train_head=True, dual_pooling="avg_top2")
    style = {"dual": {"languages": ["aa", "bb"], "style": "none"}}
    path = write(tmp_path / "d.pt", model, model.args, task_state=style)
    assert dual_style(path) == "none"
    found = load_dual(path, small_dual.dictionary())
    assert (found.rtl_head, found.train_head, found.training) == (None, None, False)
    assert torch.equal(found.sentence_vectors(tokens()), model.sentence_vectors(tokens()))


def test_xlmr_with_mean_pooling(tmp_path) -> None:
    args = small_dual.options()
    model = RobertaModel(args, RobertaEncoder(args, small_dual.dictionary())).eval()
    path = write(tmp_path / "x.pt", model, Namespace(**{**vars(args), "arch": "roberta_base"}))
    assert dual_style(path) == "first"
    states = model.encoder.extract_features(tokens())[0]
    there = tokens().ne(1)
    expected = torch.stack([states[row][there[row]].mean(dim=0) for row in range(2)])
    found = load_dual(path, small_dual.dictionary()).sentence_vectors(tokens())
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_others_are_none(tmp_path, written_model) -> None:
    assert dual_style(str(written_model.checkpoint)) is None
    torch.save({"model": {}}, tmp_path / "m.pt")
    assert dual_style(str(tmp_path / "m.pt")) is None
    with pytest.raises(CheckpointError, match="does not exist"):
        dual_style(str(tmp_path / "none.pt"))
