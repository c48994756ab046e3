"""Tokens and places, there and back, against a loop."""

from __future__ import annotations

import torch

from fairseq_xling.nn.packing import Packing

THERE = torch.tensor([[True, True, False], [False, True, False], [True, True, True]])


def test_there_and_back_with_gradients() -> None:
    packing = Packing(THERE)
    padded = torch.randn(3, 3, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    flat = packing.flat(padded)
    rows = [padded[row, place] for row in range(3) for place in range(3) if THERE[row, place]]
    assert torch.equal(flat, torch.stack(rows))
    again = packing.padded(2 * flat)
    assert torch.equal(again, 2 * padded * THERE[:, :, None])
    again.pow(2).sum().backward()
    assert padded.grad is not None
    torch.testing.assert_close(padded.grad, 8 * padded.detach() * THERE[:, :, None])
    assert packing.seen is not None
    assert packing.seen.shape == (3, 1, 1, 3)


def test_without_padding_nothing_is_copied() -> None:
    packing = Packing(torch.ones(2, 3, dtype=torch.bool))
    padded = torch.randn(2, 3, 4)
    flat = packing.flat(padded)
    assert flat.data_ptr() == padded.data_ptr()
    assert flat.shape == (6, 4)
    assert torch.equal(packing.padded(flat), padded)
    assert packing.seen is None
