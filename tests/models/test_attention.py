"""SdpaAttention beside fairseq's own module with the same weights, in every way a transformer calls it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from fairseq.modules import MultiheadAttention
from torch import Tensor

from fairseq_xling.models._attention import SdpaAttention

DIM, HEADS = 8, 2


def both(**options: Any) -> tuple[SdpaAttention, MultiheadAttention]:
    torch.manual_seed(1)
    stock = MultiheadAttention(DIM, HEADS, **options).eval()
    ours = SdpaAttention(DIM, HEADS, **options).eval()
    assert ours.state_dict().keys() == stock.state_dict().keys()
    ours.load_state_dict(stock.state_dict())
    return ours, stock


def random(*shape: int, seed: int = 2) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


PADS = torch.tensor([[True, False, False, False, False], [False, False, False, True, True]])


@pytest.mark.parametrize("padding", [None, PADS])
@pytest.mark.parametrize("causal", [False, True])
def test_self_attention(padding: Tensor | None, causal: bool) -> None:
    ours, stock = both(self_attention=True)
    states = random(5, 2, DIM)
    mask = torch.triu(torch.full((5, 5), -torch.inf), 1) if causal else None
    arguments = {"key_padding_mask": padding, "attn_mask": mask, "need_weights": False}
    found, expected = (m(states, states, states, **arguments)[0] for m in (ours, stock))
    seen = torch.ones(5, 2, dtype=torch.bool)
    if causal and padding is not None:
        seen[0, 0] = False  # the first position is a pad and sees nothing but itself
    torch.testing.assert_close(found[seen], expected[seen], atol=1e-6, rtol=0)


@pytest.mark.parametrize("padding", [None, PADS])
def test_cross_attention(padding: Tensor | None) -> None:
    ours, stock = both(encoder_decoder_attention=True)
    queries, encoded = random(3, 2, DIM), random(5, 2, DIM, seed=3)
    arguments = {"key_padding_mask": padding, "static_kv": True, "need_weights": False}
    found, expected = (m(queries, encoded, encoded, **arguments)[0] for m in (ours, stock))
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_gradients_are_stock_gradients() -> None:
    ours, stock = both(encoder_decoder_attention=True)
    queries, encoded = random(3, 2, DIM), random(5, 2, DIM, seed=3)
    for module in (ours, stock):
        found = module(queries, encoded, encoded, key_padding_mask=PADS, static_kv=True, need_weights=False)[0]
        found.square().sum().backward()
    for (name, mine), (_, theirs) in zip(ours.named_parameters(), stock.named_parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-6, rtol=1e-5, msg=name)


@pytest.mark.parametrize("cross", [False, True])
def test_step_by_step(cross: bool) -> None:
    """Incremental decoding, with a reordering of the beams after the second step, as a search makes it."""
    ours, stock = both(self_attention=not cross, encoder_decoder_attention=cross)
    encoded, steps = random(5, 2, DIM, seed=3), random(4, 2, DIM)
    states: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for number, step in enumerate(steps):
        query = step[None]
        key = encoded if cross else query
        padding = PADS if cross else None
        found, expected = (
            m(query, key, key, key_padding_mask=padding, incremental_state=s, static_kv=cross, need_weights=False)[0]
            for m, s in zip((ours, stock), states, strict=True)
        )
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
        if number == 1:
            for module, state in zip((ours, stock), states, strict=True):
                module.reorder_incremental_state(state, torch.tensor([1, 1]))


def test_steps_with_pads_among_earlier_outputs() -> None:
    ours, stock = both(self_attention=True)
    states: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for step, pads in zip(random(3, 2, DIM), ([[0], [1]], [[0], [0]], [[1], [0]]), strict=True):
        padding = torch.tensor(pads, dtype=torch.bool)
        found, expected = (
            m(step[None], step[None], step[None], key_padding_mask=padding, incremental_state=s, need_weights=False)[0]
            for m, s in zip((ours, stock), states, strict=True)
        )
        seen = ~expected.isnan().any(dim=-1)
        torch.testing.assert_close(found[seen], expected[seen], atol=1e-6, rtol=0)


def test_asked_for_weights_it_gives_stock_weights() -> None:
    ours, stock = both(encoder_decoder_attention=True)
    queries, encoded = random(3, 2, DIM), random(5, 2, DIM, seed=3)
    arguments = {"key_padding_mask": PADS, "static_kv": True, "need_head_weights": True}
    (found, weights), (expected, stock_weights) = (m(queries, encoded, encoded, **arguments) for m in (ours, stock))
    torch.testing.assert_close(found, expected)
    assert weights is not None
    torch.testing.assert_close(weights, stock_weights)


def test_the_two_paths_share_their_saved_steps() -> None:
    """A step with weights after steps without: fairseq's path takes views of what ours saved."""
    ours, stock = both(self_attention=True)
    states: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for weights, step in zip((False, False, True), random(3, 2, DIM), strict=True):
        found, expected = (
            m(step[None], step[None], step[None], incremental_state=s, need_weights=weights)[0]
            for m, s in zip((ours, stock), states, strict=True)
        )
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("options", [{"add_bias_kv": True}, {"add_zero_attn": True}])
def test_special_kinds_take_the_stock_path(options: dict[str, bool]) -> None:
    ours, stock = both(self_attention=True, **options)
    states = random(5, 2, DIM)
    found, expected = (m(states, states, states, need_weights=False)[0] for m in (ours, stock))
    torch.testing.assert_close(found, expected)


def test_dropout_only_in_training() -> None:
    ours, _ = both(self_attention=True, dropout=0.5)
    states = random(5, 2, DIM)
    calm = ours(states, states, states, need_weights=False)[0]
    assert torch.equal(calm, ours(states, states, states, need_weights=False)[0])
    ours.train()
    torch.manual_seed(0)
    shaken = torch.stack([ours(states, states, states, need_weights=False)[0] for _ in range(6000)])
    assert not torch.equal(shaken[0], shaken[1])
    torch.testing.assert_close(shaken.mean(dim=0), calm, atol=0.02, rtol=0)
