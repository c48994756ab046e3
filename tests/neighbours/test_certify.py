"""The fixed-order cosine, and that the bounds bound."""

from __future__ import annotations

import numba
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from references import neighbours as reference
from references.unit_vectors import Float32, two_sides, unit

from fairseq_xling.neighbours.certify import pair_cosines
from fairseq_xling.neighbours.simd import exact_cosine


@numba.njit  # type: ignore[untyped-decorator]
def compiled_cosine(left, i, right, j):  # type: ignore[no-untyped-def]
    return exact_cosine(left, i, right, j)


@settings(max_examples=60, deadline=None)
@given(two_sides(largest=12), st.integers(0, 2**32 - 1))
def test_pair_cosines_are_the_loops_bit_for_bit(sides: tuple[Float32, Float32], seed: int) -> None:
    source, target = sides
    generator = np.random.default_rng(seed)
    rows, columns = generator.integers(0, len(source), 9), generator.integers(0, len(target), 9)
    found = pair_cosines(source, target, rows, columns)
    for row, column, cosine in zip(rows, columns, found, strict=True):
        assert cosine == reference.cosine(source[row], target[column])
        assert cosine == compiled_cosine(source, row, target, column)
        assert abs(cosine - source[row].astype(float) @ target[column].astype(float)) <= 1e-7


def test_pair_cosines_do_not_depend_on_their_company() -> None:
    rows = unit(np.random.default_rng(1).standard_normal((3000, 700)))
    ids = np.arange(3000)
    together = pair_cosines(rows, rows[::-1], ids, ids)
    alone = [pair_cosines(rows, rows[::-1], ids[i : i + 1], ids[i : i + 1])[0] for i in range(0, 3000, 331)]
    assert together[::331].tolist() == alone
