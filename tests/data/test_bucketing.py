"""Batches of like length against their definition, and vectors against one sentence at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from references import small_criss

from fairseq_xling.data.bucketing import length_batches, padded, shortened, vectors_in_batches


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 60))
def test_each_sentence_once_within_the_budget(lengths, max_tokens):
    batches = list(length_batches(lengths, max_tokens))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= max_tokens
    longest_first = [max(lengths[i] for i in batch) for batch in batches]
    assert longest_first == sorted(longest_first, reverse=True)


def test_shortened_keeps_the_end_token():
    tokens = torch.tensor([5, 6, 7, 8, 2])
    assert shortened(tokens, 3).tolist() == [5, 6, 2]
    assert shortened(tokens, 5).tolist() == tokens.tolist()
    assert padded([tokens, tokens[3:]], 1).tolist() == [[5, 6, 7, 8, 2], [1, 1, 1, 8, 2]]


@pytest.mark.parametrize("max_tokens", [1, 13, 40, 10_000])
def test_vectors_do_not_depend_on_batches(max_tokens):
    model, symbols = small_criss.model(), small_criss.dictionary()
    sentences = small_criss.sentences([3, 0, 9, 1, 12, 5, 5, 7], symbols)
    done = list[int]()
    found = vectors_in_batches(model.sentence_vectors, sentences, symbols.pad(), max_tokens, done.append)
    with torch.no_grad():
        alone = np.stack([model.sentence_vectors(sentence[None])[0].numpy() for sentence in sentences])
    np.testing.assert_allclose(found, alone, atol=1e-5)
    assert sum(done) == len(sentences)


def test_no_sentence_is_no_matrix():
    with pytest.raises(ValueError, match="at least one"):
        vectors_in_batches(lambda batch: batch, [], 1, 10)
