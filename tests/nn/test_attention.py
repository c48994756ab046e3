"""Attention functions against softmax(Q Kᵀ / √d) V written with loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fairseq_xling.nn.attention import attend, attention_bias, merge_heads, split_heads


def slow_attention(query: Tensor, keys: Tensor, values: Tensor, forbidden: Tensor) -> Tensor:
    """One query [d] over keys and values [s, d]; `forbidden` [s] bool."""
    count = len(keys)
    scores = [-math.inf if forbidden[i] else float(query @ keys[i]) / math.sqrt(len(query)) for i in range(count)]
    weights = [math.exp(score - max(scores)) for score in scores]
    return torch.stack([weights[i] / sum(weights) * values[i] for i in range(count)]).sum(dim=0)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_heads_are_slices_of_the_last_dimension(generator: torch.Generator) -> None:
    states = torch.randn(3, 2, 8, generator=generator)
    heads = split_heads(states, 4)
    assert heads.shape == (2, 4, 3, 2)
    for time in range(3):
        for row in range(2):
            for head in range(4):
                assert torch.equal(heads[row, head, time], states[time, row, 2 * head : 2 * head + 2])
    assert torch.equal(merge_heads(heads), states)


def test_padding_and_mask_against_loops(generator: torch.Generator) -> None:
    queries, keys, values = (torch.randn(2, 2, 4, 3, generator=generator) for _ in range(3))
    padding = torch.tensor([[True, False, False, False], [False, False, False, True]])
    mask = torch.triu(torch.full((4, 4), -math.inf), 1)
    found = attend(queries, keys, values, attention_bias(padding, mask, torch.float32))
    for row in range(2):
        for head in range(2):
            for time in range(4):
                forbidden = padding[row] | (torch.arange(4) > time)
                if forbidden.all():
                    continue  # the first query of the row that begins with a pad sees nothing
                expected = slow_attention(queries[row, head, time], keys[row, head], values[row, head], forbidden)
                torch.testing.assert_close(found[row, head, time], expected)


def test_bias_kinds() -> None:
    padding = torch.tensor([[0.0, 1.0]])  # incremental decoding keeps pads as floats
    forbidden = torch.tensor([[False, True], [False, False]])
    assert attention_bias(None, None, torch.float32) is None
    allowed = attention_bias(padding, None, torch.float32)
    assert allowed is not None
    assert allowed.tolist() == [[[[True, False]]]]
    additive = attention_bias(None, forbidden, torch.float16)
    assert additive is not None
    assert additive.dtype == torch.float16
    assert additive.tolist() == [[0.0, -math.inf], [0.0, 0.0]]
    both = attention_bias(padding, forbidden, torch.float32)
    assert both is not None
    assert both.tolist() == [[[[0.0, -math.inf], [0.0, -math.inf]]]]


def test_beams_share_the_keys_of_their_sentence(generator: torch.Generator) -> None:
    queries = torch.randn(6, 2, 2, 3, generator=generator)  # two sentences of three beams
    keys, values = (torch.randn(2, 2, 5, 3, generator=generator) for _ in range(2))
    bias = attention_bias(torch.tensor([[0, 0, 0, 0, 1], [1, 1, 0, 0, 0]]), None, torch.float32)
    assert bias is not None
    copied = attend(queries, keys.repeat_interleave(3, 0), values.repeat_interleave(3, 0), bias.repeat_interleave(3, 0))
    torch.testing.assert_close(attend(queries, keys, values, bias), copied)


def test_dropout_keeps_the_expectation(generator: torch.Generator) -> None:
    torch.manual_seed(0)
    queries, keys = (torch.randn(1, 1, 4, 8, generator=generator) for _ in range(2))
    values = torch.rand(1, 1, 4, 8, generator=generator)
    mean = torch.stack([attend(queries, keys, values, None, dropout=0.3) for _ in range(4000)]).mean(dim=0)
    torch.testing.assert_close(mean, attend(queries, keys, values, None), atol=0.03, rtol=0)
    assert not torch.equal(attend(queries, keys, values, None, dropout=0.3), attend(queries, keys, values, None))
