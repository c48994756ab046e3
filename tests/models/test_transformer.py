"""Encoder and decoder over fused attention beside fairseq's own with the same weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from references import small_criss
from torch import Tensor

from fairseq_xling.models._attention import SdpaAttention
from fairseq_xling.models.criss import CrissModel


@pytest.fixture
def twins() -> tuple[CrissModel, Any]:
    ours, stock = small_criss.model(), small_criss.stock_model()
    stock.load_state_dict(ours.state_dict())
    return ours, stock


@pytest.fixture
def batch() -> dict[str, Tensor]:
    symbols = small_criss.dictionary()
    rows = small_criss.sentences([5, 3, 7], symbols)
    source = small_criss.padded(rows, symbols.pad())
    previous = small_criss.padded([row.roll(1) for row in rows], symbols.pad(), left=False)
    return {"src_tokens": source, "src_lengths": source.ne(symbols.pad()).sum(1), "prev_output_tokens": previous}


def test_every_attention_is_fused(twins: tuple[CrissModel, Any]) -> None:
    kinds = [type(m) for m in twins[0].modules() if type(m).__name__.endswith("Attention")]
    assert kinds == [SdpaAttention] * (2 + 2 * 2)


def test_whole_model_equals_stock(twins: tuple[CrissModel, Any], batch: dict[str, Tensor]) -> None:
    ours, stock = twins
    found, expected = ours(**batch)[0], stock(**batch)[0]
    real = batch["prev_output_tokens"].ne(1)
    torch.testing.assert_close(found[real], expected[real], atol=1e-5, rtol=0)


def test_training_equals_stock(twins: tuple[CrissModel, Any], batch: dict[str, Tensor]) -> None:
    """Without dropout, whose random numbers the two paths draw in another order."""
    gradients = []
    for model in twins:
        model.train()
        model(**batch)[0][batch["prev_output_tokens"].ne(1)].logsumexp(-1).sum().backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    for name, mine in gradients[0].items():
        torch.testing.assert_close(mine, gradients[1][name], atol=1e-5, rtol=1e-4, msg=name)


def test_steps_equal_the_whole_target(twins: tuple[CrissModel, Any], batch: dict[str, Tensor]) -> None:
    ours, _ = twins
    encoded = ours.encoder(batch["src_tokens"])
    previous = batch["prev_output_tokens"][2:]  # the longest, which has no pads
    single = {"encoder_out": [encoded["encoder_out"][0][:, 2:]]}
    single["encoder_padding_mask"] = [encoded["encoder_padding_mask"][0][2:]]
    whole = ours.decoder(previous, encoder_out=single)[0]
    state: dict[str, Any] = {}
    for step in range(previous.size(1)):
        found = ours.decoder(previous[:, : step + 1], encoder_out=single, incremental_state=state)[0]
        torch.testing.assert_close(found[:, -1], whole[:, step], atol=1e-5, rtol=0)


def test_alignment_on_request_only(twins: tuple[CrissModel, Any], batch: dict[str, Tensor]) -> None:
    ours, stock = twins
    assert ours(**batch)[1]["attn"] == [None]
    expected = stock(**batch)[1]["attn"][0]
    for arguments in ({"alignment_layer": 1}, {"alignment_heads": 2}):
        torch.testing.assert_close(ours(**batch, **arguments)[1]["attn"][0], expected, atol=1e-5, rtol=0)
    ours.decoder.keep_alignment = True
    torch.testing.assert_close(ours(**batch)[1]["attn"][0], expected, atol=1e-5, rtol=0)
    first = stock(**batch, alignment_layer=0)[1]["attn"][0]
    torch.testing.assert_close(ours(**batch, alignment_layer=0)[1]["attn"][0], first, atol=1e-5, rtol=0)


def test_activation_checkpointing_changes_nothing(batch: dict[str, Tensor]) -> None:
    plain = small_criss.model()
    saving = small_criss.model(small_criss.options(checkpoint_activations=True))
    saving.load_state_dict(plain.state_dict())
    torch.testing.assert_close(saving(**batch)[0], plain(**batch)[0])


def test_stock_attention_by_option(batch: dict[str, Tensor]) -> None:
    chosen = small_criss.model(small_criss.options(criss_attention="stock"))
    assert not any(isinstance(module, SdpaAttention) for module in chosen.modules())
    assert chosen(**batch)[1]["attn"][0] is not None
    real = batch["prev_output_tokens"].ne(1)
    torch.testing.assert_close(chosen(**batch)[0][real], small_criss.model()(**batch)[0][real], atol=1e-5, rtol=0)


def test_layers_see_no_pads(twins: tuple[CrissModel, Any], batch: dict[str, Tensor]) -> None:
    """As many rows as there are tokens, in the encoder and in the decoder, whose features at pads are zeros."""
    ours, _ = twins
    rows = list[int]()
    for side in (ours.encoder, ours.decoder):
        side.layers[0].fc1.register_forward_pre_hook(lambda _, given: rows.append(given[0].numel() // 16))
    features = ours(**batch, features_only=True)[0]
    assert rows == [int(batch[name].ne(1).sum()) for name in ("src_tokens", "prev_output_tokens")]
    assert not features[batch["prev_output_tokens"].eq(1)].any()


def test_a_target_that_begins_with_a_pad_is_padded_as_ever(
    twins: tuple[CrissModel, Any], batch: dict[str, Tensor]
) -> None:
    ours, stock = twins
    left = {**batch, "prev_output_tokens": batch["prev_output_tokens"].flip(1)}
    real = left["prev_output_tokens"].ne(1)
    torch.testing.assert_close(ours(**left)[0][real], stock(**left)[0][real], atol=1e-5, rtol=0, equal_nan=True)


def test_all_states_equal_stock(twins: tuple[CrissModel, Any], batch: dict[str, Tensor]) -> None:
    """Of every layer, in the encoder and in the decoder."""
    ours, stock = twins
    found, expected = (model.encoder(batch["src_tokens"], return_all_hiddens=True) for model in (ours, stock))
    real = batch["src_tokens"].ne(1).T
    for mine, theirs in zip(found["encoder_states"], expected["encoder_states"], strict=True):
        torch.testing.assert_close(mine[real], theirs[real], atol=1e-5, rtol=0)
    inner = [model(**batch)[1]["inner_states"] for model in (ours, stock)]
    real = batch["prev_output_tokens"].ne(1).T
    for mine, theirs in zip(*inner, strict=True):
        torch.testing.assert_close(mine[real], theirs[real], atol=1e-5, rtol=0)
