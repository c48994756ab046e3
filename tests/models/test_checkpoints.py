"""Checks and hashes of state dicts."""

from __future__ import annotations

import pytest
import torch
from references import small_criss
from torch import nn

from fairseq_xling.errors import CheckpointError
from fairseq_xling.models._checkpoints import add_versions, check_rows, misfit, weights_hash


def test_versions_only_where_a_final_norm_shows_them() -> None:
    state = {"encoder.layer_norm.weight": torch.ones(2), "decoder.version": torch.Tensor([2])}
    add_versions(state)
    assert state["encoder.version"].tolist() == [3]
    assert state["decoder.version"].tolist() == [2]
    assert "decoder.layer_norm.weight" not in state


def test_rows() -> None:
    symbols = small_criss.dictionary()
    check_rows({"encoder.embed_tokens.weight": torch.zeros(len(symbols), 2)}, symbols)
    with pytest.raises(CheckpointError, match=r"29 rows .* 28 symbols \(3 language tokens.*--criss-langs"):
        check_rows({"encoder.embed_tokens.weight": torch.zeros(29, 2)}, symbols)
    with pytest.raises(CheckpointError, match="no mBART or CRISS model"):
        check_rows({"encoder.sentence_encoder.embed_tokens.weight": torch.zeros(28, 2)}, symbols)


def test_torchs_list_becomes_one_line() -> None:
    with pytest.raises(RuntimeError) as raised:
        nn.Linear(2, 3).load_state_dict({"weight": torch.zeros(4, 2), "bias": torch.zeros(4)})
    text = str(misfit(raised.value))
    assert "\n" not in text
    assert "size mismatch for weight" in text
    assert "(and 1 more like it)" in text


def test_hash_sees_every_bit_and_only_weights() -> None:
    first, second = small_criss.model(), small_criss.model()
    assert weights_hash(first) == weights_hash(second)
    assert weights_hash(first) != weights_hash(small_criss.model(seed=2))
    second.train()
    assert weights_hash(first) == weights_hash(second)
    with torch.no_grad():
        second.decoder.layers[1].fc2.bias[3] += 1e-7
    assert weights_hash(first) != weights_hash(second)
    assert weights_hash(first.bfloat16()) != weights_hash(small_criss.model())
