from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.nearest import TestSet

EYE = np.eye(3, dtype=np.float32)


def test_rows_must_be_as_many_on_both_sides() -> None:
    with pytest.raises(CorpusError, match="3 and 2"):
        TestSet(EYE, EYE[:2])
    with pytest.raises(CorpusError, match="at least one pair"):
        TestSet(EYE[:0], EYE[:0])
    with pytest.raises(CorpusError, match="3 vectors a side, but 3 and 2 lines"):
        TestSet(EYE, EYE, (["a", "b", "c"], ["a", "b"]))


def test_a_dense_row_without_direction_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"target vectors: row 1 \(from 0\) is all zeros"):
        TestSet(EYE, EYE * [[1], [0], [1]]).neighbours(1)


def test_a_sparse_row_without_ngrams_has_no_neighbours() -> None:
    rows = sparse.csr_matrix(EYE * [[0], [1], [1]])
    found = TestSet(rows, rows).neighbours(2)
    np.testing.assert_array_equal(found.forward_ids, [[-1, -1], [1, 0], [2, 0]])
    np.testing.assert_array_equal(found.backward_ids, [[-1, -1], [1, 0], [2, 0]])


def test_vectors_of_any_length_are_compared_by_direction() -> None:
    found = TestSet(EYE * 5, EYE[[1, 0, 2]] * 0.1).neighbours(1)
    np.testing.assert_array_equal(found.forward_ids[:, 0], [1, 0, 2])


def test_answers_are_right_by_index_or_by_text() -> None:
    test = TestSet(EYE, EYE, (["a", "b", "a"], ["x", "y", "y"]))
    answers = np.array([[0, 1], [2, 0], [-1, 1]])
    np.testing.assert_array_equal(test.right(answers, 0, textual=False), [[1, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(test.right(answers, 0, textual=True), [[1, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(test.right(answers[:, 0], 1, textual=True), [1, 0, 0])
    with pytest.raises(CorpusError, match="needs the lines"):
        TestSet(EYE, EYE).right(answers, 0, textual=True)
    assert test.pairs == ("source-target", "target-source")
