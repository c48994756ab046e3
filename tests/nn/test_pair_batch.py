"""Which side is rebuilt, and token means as parts of a sum over pairs."""

from __future__ import annotations

import pytest
import torch

from fairseq_xling.nn.pair_batch import PairBatch, PairLosses, rebuilding_loss, rebuilds_target, token_mean

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("target", [1, 1, 1, 1, 1]), ("source", [0, 0, 0, 0, 0]), ("both", [0, 0, 1, 1, 1])],
)
def test_sides(direction: str, expected: list[int]) -> None:
    assert rebuilds_target(5, direction, CPU).long().tolist() == expected


def test_token_mean_times_pairs() -> None:
    sums, tokens = torch.tensor([6.0, 2.0, 0.0]), torch.tensor([3.0, 1.0, 0.0])
    # fairseq divides by the three pairs: what is left is the mean over the four tokens.
    assert token_mean(sums, tokens, 3).item() / 3 == pytest.approx(8 / 4)
    assert token_mean(sums * 0, tokens * 0, 3).item() == 0


def test_both_directions_have_their_own_means() -> None:
    zeros = torch.zeros(4)
    losses = PairLosses(torch.tensor([1.0, 2, 3, 4]), torch.tensor([1.0, 1, 2, 5]), zeros, zeros)
    forward = rebuilds_target(4, "both", CPU)
    assert rebuilding_loss(losses, forward, "both").item() / 4 == pytest.approx((3 / 2 + 7 / 7) / 2)
    assert rebuilding_loss(losses, forward, "target").item() / 4 == pytest.approx(10 / 9)


def test_rows_stand_in_the_order_of_the_fields() -> None:
    batch = PairBatch(torch.ones(2, 3), languages=torch.tensor([4, 5]), chunk=7)
    assert len(batch.rows) == 8
    assert batch.rows[0] is batch.target
    assert batch.rows[3] is batch.languages
    assert sum(row is None for row in batch.rows) == 6
