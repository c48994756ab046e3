"""Sentences side by side against one sentence at a time, written out."""

from __future__ import annotations

import math

import pytest
import torch

from fairseq_xling.nn.runs import attend_in_runs, by_run, join

SENTENCES = [torch.tensor(ids) for ids in ([5, 6, 2], [7, 8, 2], [9, 2], [4, 2], [3, 2], [2])]


def test_join_keeps_the_order_and_counts_equal_neighbours() -> None:
    joined = join(SENTENCES)
    assert joined.tokens.tolist() == [5, 6, 2, 7, 8, 2, 9, 2, 4, 2, 3, 2, 2]
    assert joined.runs == ((2, 3), (3, 2), (1, 1))
    # A length that comes again is another run: the order of sentences stays.
    assert join([SENTENCES[0], SENTENCES[2], SENTENCES[1]]).runs == ((1, 3), (1, 2), (1, 3))


def test_by_run_gives_views_of_the_rows() -> None:
    joined = join(SENTENCES)
    found = [sentence for run in by_run(joined.tokens, joined.runs) for sentence in run]
    assert all(torch.equal(one, other) for one, other in zip(found, SENTENCES, strict=True))
    next(iter(by_run(joined.tokens, joined.runs)))[1, 0] = 99
    assert joined.tokens[3] == 99


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_stays_within_a_sentence(heads: int) -> None:
    joined, dim = join(SENTENCES), 8
    generator = torch.Generator().manual_seed(0)
    queries, keys, values = torch.randn(3, len(joined.tokens), dim, generator=generator)
    found = attend_in_runs(queries, keys, values, heads, joined.runs)
    start, size = 0, dim // heads
    for sentence in SENTENCES:
        rows = slice(start, start + len(sentence))
        for head in range(heads):
            columns = slice(head * size, (head + 1) * size)
            scores = queries[rows, columns] @ keys[rows, columns].T / math.sqrt(size)
            expected = scores.softmax(dim=-1) @ values[rows, columns]
            torch.testing.assert_close(found[rows, columns], expected, atol=1e-6, rtol=0)
        start += len(sentence)
