"""Shares of masked, replaced and untouched tokens; special tokens stay; a seed decides."""

from __future__ import annotations

import pytest
import torch

from fairseq_xling.nn.masking import Masking, joined, masked_tokens, parted

MASKING = Masking(mask=99, ordinary=(4, 90))


def drawn(seed: int = 1) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, 100, (400, 500), generator=generator)
    return (tokens, *masked_tokens(tokens, MASKING, generator))


def test_shares() -> None:
    tokens, read, asked = drawn()
    ordinary = (tokens >= 4) & (tokens < 90)
    count = int(asked.sum())
    assert count / int(ordinary.sum()) == pytest.approx(0.15, abs=0.003)
    masked = asked & (read == 99)
    kept = asked & (read == tokens)
    assert int(masked.sum()) / count == pytest.approx(0.8, abs=0.005)
    # A token in 86 is replaced by itself.
    assert int(kept.sum()) / count == pytest.approx(0.1 + 0.1 / 86, abs=0.005)


def test_special_tokens_stay_and_are_never_drawn() -> None:
    tokens, read, asked = drawn()
    special = (tokens < 4) | (tokens >= 90)
    assert not (asked & special).any()
    assert torch.equal(read[~asked], tokens[~asked])
    replaced = read[asked & (read != 99)]
    assert int(replaced.min()) == 4
    assert int(replaced.max()) == 89


def test_the_seed_decides() -> None:
    assert all(torch.equal(one, other) for one, other in zip(drawn(), drawn(), strict=True))
    assert not torch.equal(drawn()[2], drawn(2)[2])


def test_joined_rows_against_a_loop() -> None:
    source = torch.tensor([[0, 5, 6, 2, 1], [0, 7, 2, 1, 1]])
    target = torch.tensor([[1, 0, 8, 2], [0, 9, 9, 2]])
    expected = []
    for one, other in zip(source.tolist(), target.tolist(), strict=True):
        row = [token for token in one + other if token != 1]
        expected.append(row + [1] * (7 - len(row)))
    assert joined(source, target, pad=1).tolist() == expected


def test_parted_is_what_was_joined() -> None:
    source = torch.tensor([[0, 5, 6, 2], [0, 7, 2, 1], [0, 3, 2, 1]])
    target = torch.tensor([[0, 8, 2, 1, 1], [0, 9, 9, 4, 2], [1, 1, 1, 1, 1]])
    rows, one, other = parted(joined(source, target, pad=1), bos=0, pad=1)
    assert rows.tolist() == [0, 1]  # the third is a sentence by itself
    assert torch.equal(one, source[:2])
    assert torch.equal(other, target[:2])
    none = parted(source[2:], bos=0, pad=1)
    assert [part.shape for part in none] == [(0,), (0, 0), (0, 0)]
