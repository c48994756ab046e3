"""The masked mean against a loop."""

from __future__ import annotations

import torch

from fairseq_xling.nn.pooling import masked_mean


def test_only_counted_positions_count() -> None:
    states = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(1))
    counted = torch.tensor([[True, True, True, True], [False, False, True, True], [True, False, False, False]])
    found = masked_mean(states, counted)
    for row in range(3):
        chosen = [states[time, row] for time in range(4) if counted[row, time]]
        torch.testing.assert_close(found[row], torch.stack(chosen).mean(dim=0))


def test_half_precision_is_summed_in_single() -> None:
    states = torch.full((3000, 1, 1), 0.1, dtype=torch.float16)
    found = masked_mean(states, torch.ones(1, 3000, dtype=torch.bool))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, states[0].float())


def test_nothing_counted_gives_zeros() -> None:
    assert masked_mean(torch.ones(2, 1, 3), torch.zeros(1, 2, dtype=torch.bool)).tolist() == [[0.0, 0.0, 0.0]]
