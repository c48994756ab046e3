"""No pair's cosine may exceed its bound: that is all that exactness rests on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references.unit_vectors import Float32, two_sides

from fairseq_xling.neighbours import gemm
from fairseq_xling.neighbours.bounds import UpperBound, bf16_bound, leading_bound, plain_bound
from fairseq_xling.neighbours.directions import basis
from fairseq_xling.neighbours.tensors import as_tensor


def checked(bound: UpperBound, source: Float32, target: Float32) -> np.ndarray:
    """How far the first bounds [n, m] are above the cosines, never below; those of codes are seen to hold as well."""
    precision = "bf16" if bound.source.dtype == torch.bfloat16 else "fp32"
    product = gemm.choose(precision, bound.source, bound.target, probe=False)
    first = product.multiply(bound.source, bound.target, torch.empty(len(source), len(target))).numpy()
    first = first + bound.source_offsets[:, None] + bound.target_offsets[None, :]
    exact = source.astype(np.float64) @ target.astype(np.float64).T
    assert (exact <= first + bound.slack).all()
    if bound.source_codes.codes.shape[1]:
        left, right = (c.codes.astype(np.float64) * c.scales[:, None] for c in (bound.source_codes, bound.target_codes))
        offsets = bound.source_offsets[:, None].astype(np.float64) + bound.target_offsets
        assert (np.abs(exact - left @ right.T - offsets) <= bound.code_slack).all()
    return first + bound.slack - exact


@pytest.mark.parametrize("make", [plain_bound, bf16_bound])
@settings(max_examples=60)
@given(sides=two_sides(longest=300))
def test_all_coordinates(make: Callable[[Float32, Float32], UpperBound], sides: tuple[Float32, Float32]) -> None:
    assert checked(make(*sides), *sides).max() < 0.1


@settings(max_examples=80)
@given(two_sides(longest=120), st.integers(1, 120), st.sampled_from(["fp32", "bf16"]))
def test_leading_coordinates(sides: tuple[Float32, Float32], leading: int, precision: str) -> None:
    left, right = (as_tensor(side) for side in sides)
    turn = gemm.choose("fp32", left, right, probe=False)
    found = basis(left, right, min(leading, left.shape[1]))
    checked(leading_bound(*sides, found, precision, turn, 1), *sides)


def test_a_bound_that_is_too_low_would_be_seen() -> None:
    rows = np.eye(4, dtype=np.float32)
    bound = plain_bound(rows, rows)
    low = UpperBound(**{**vars(bound), "source_offsets": bound.source_offsets - 0.01})
    with pytest.raises(AssertionError):
        checked(low, rows, rows)
