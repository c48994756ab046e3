"""Every pooling against a loop."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from references.small_bert import Oracle

from fairseq_xling.nn.pooling import POOLINGS, first_token, masked_max, masked_mean, pooled
from fairseq_xling.nn.ranking import Ranking, ranking_losses

COUNTED = torch.tensor([[True, True, True, True], [False, False, True, True], [True, False, False, False]])


def random_states(seed: int = 1) -> torch.Tensor:
    return torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(seed))


def test_only_counted_positions_count() -> None:
    states = random_states()
    means, largest, first = masked_mean(states, COUNTED), masked_max(states, COUNTED), first_token(states, COUNTED)
    for row in range(3):
        chosen = [states[time, row] for time in range(4) if COUNTED[row, time]]
        torch.testing.assert_close(means[row], torch.stack(chosen).mean(dim=0))
        assert torch.equal(largest[row], torch.stack(chosen).amax(dim=0))
        assert torch.equal(first[row], chosen[0])


def test_half_precision_is_summed_in_single() -> None:
    states = torch.full((3000, 1, 1), 0.1, dtype=torch.float16)
    found = masked_mean(states, torch.ones(1, 3000, dtype=torch.bool))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, states[0].float())


def test_double_precision_stays() -> None:
    states, counted = random_states().double(), COUNTED
    assert {pooled([states, states], counted, pooling).dtype for pooling in POOLINGS} == {torch.float64}


def test_nothing_counted_gives_zeros() -> None:
    assert masked_mean(torch.ones(2, 1, 3), torch.zeros(1, 2, dtype=torch.bool)).tolist() == [[0.0, 0.0, 0.0]]


def test_layers_that_are_averaged() -> None:
    layers = [random_states(seed) for seed in range(4)]
    two, ends = (layers[3] + layers[2]) / 2, (layers[0] + layers[3]) / 2
    torch.testing.assert_close(pooled(layers, COUNTED, "avg_top2"), masked_mean(two, COUNTED))
    torch.testing.assert_close(pooled(layers, COUNTED, "avg_first_last"), masked_mean(ends, COUNTED))
    assert torch.equal(pooled(layers, COUNTED, "max"), masked_max(layers[3], COUNTED))


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(ValueError, match="avg_first_last, but is 'cls'"):
        pooled([random_states()], COUNTED, "cls")


@pytest.mark.parametrize("folder", ["dap", "dap/sine"])
@pytest.mark.parametrize(
    ("pooling", "name"),
    [
        ("first", "tr_forward_cls_without_mlp"),
        ("mean", "tr_forward_avg"),
        ("avg_top2", "tr_forward_avg_top2"),
        ("avg_first_last", "tr_forward_avg_first_last"),
    ],
)
def test_oracle_poolings(oracles: Path, folder: str, pooling: str, name: str) -> None:
    oracle = Oracle(oracles / folder, torch.float64)
    vectors = [pooled(oracle.states(side), oracle.attended(side), pooling) for side in (0, 1)]
    found = ranking_losses(vectors[0], vectors[1], Ranking(1 / oracle.config["temperature"])).mean()
    assert found.item() == pytest.approx(oracle.expected[name], abs=1e-6)
