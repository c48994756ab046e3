"""Batches of like length against their definition, and vectors against one sentence at a time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from references import small_criss

from fairseq_xling.data.bucketing import joined_batches, length_batches, padded, shortened, vectors_in_batches


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


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 60))
def test_joined_batches_hold_each_sentence_once_within_the_budget(lengths, max_tokens):
    batches = list(joined_batches(lengths, max_tokens))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or sum(lengths[i] for i in batch) <= max_tokens for batch in batches)
    in_order = [lengths[i] for batch in batches for i in batch]
    assert in_order == sorted(in_order, reverse=True)
    # No two neighbours would fit into one batch.
    for one, other in itertools.pairwise(batches):
        assert sum(lengths[i] for i in (*one, other[0])) > max_tokens


def sentences_of(symbols):
    return small_criss.sentences([3, 0, 9, 1, 12, 5, 5, 7], symbols)


@pytest.mark.parametrize("max_tokens", [1, 13, 40, None])
def test_vectors_do_not_depend_on_batches(max_tokens):
    model, symbols = small_criss.model(), small_criss.dictionary()
    sentences, done = sentences_of(symbols), list[int]()
    found = vectors_in_batches(model.joined_vectors, sentences, symbols.pad(), max_tokens, progress=done.append)
    with torch.no_grad():
        alone = np.stack([model.sentence_vectors(sentence[None])[0].numpy() for sentence in sentences])
    np.testing.assert_allclose(found, alone, atol=1e-5)
    assert sum(done) == len(sentences)


def test_the_number_of_threads_decides_nothing():
    model, symbols = small_criss.model(), small_criss.dictionary()
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(vectors_in_batches(model.joined_vectors, sentences_of(symbols), symbols.pad(), 13))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert found[0].tobytes() == found[1].tobytes()


def test_a_pad_in_a_sentence_is_nothing():
    """As in a padded batch, where it is neither attended to nor counted, and takes no position."""
    model, symbols = small_criss.model(), small_criss.dictionary()
    sentence, pad = sentences_of(symbols)[2], symbols.pad()
    inside = torch.cat([sentence[:4], torch.tensor([pad]), sentence[4:]])
    found = vectors_in_batches(model.joined_vectors, [sentence, inside], pad)
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    with torch.no_grad():
        np.testing.assert_allclose(found[1], model.sentence_vectors(inside[None])[0].numpy(), atol=1e-5)


def test_a_fault_in_a_thread_is_raised():
    def broken(joined):
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        vectors_in_batches(broken, [torch.tensor([5, 2])], 1)


def test_no_sentence_is_no_matrix():
    with pytest.raises(ValueError, match="at least one"):
        vectors_in_batches(lambda joined: joined.tokens, [], 1)
