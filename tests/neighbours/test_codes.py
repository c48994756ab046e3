"""8-bit codes stand for their vectors to within what they say."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from references.unit_vectors import Float32, two_sides

from fairseq_xling.neighbours.codes import code_rows, code_slack, empty_codes


@given(two_sides(longest=200), st.sampled_from([1.0, 1e-3, 1e3]), st.integers(1, 40))
def test_codes_are_as_near_as_they_say_and_so_are_their_products(
    sides: tuple[Float32, Float32], size: float, step: int
) -> None:
    scaled = [(side * np.float32(size)).astype(np.float32) for side in sides]
    coded = []
    for side in scaled:
        codes = empty_codes(*side.shape)
        for start in range(0, len(side), step):
            rows = slice(start, start + step)
            code_rows(codes, rows, torch.from_numpy(side[rows]))
        meant = codes.codes[:, : side.shape[1]] * codes.scales[:, None].astype(np.float64)
        assert (np.linalg.norm(side - meant, axis=1) <= codes.errors).all()
        assert (codes.errors <= 0.0041 * np.sqrt(side.shape[1]) * np.abs(side).max(axis=1) + 1e-6 * size).all()
        assert not codes.codes[:, side.shape[1] :].any()
        assert codes.codes.shape[1] % 64 == 0
        coded.append((codes, meant, float(np.linalg.norm(side, axis=1).max()) * 1.0001))
    (left, left_meant, left_length), (right, right_meant, right_length) = coded
    exact = scaled[0].astype(np.float64) @ scaled[1].T.astype(np.float64)
    slack = code_slack(left, right, left_length, right_length)
    assert (np.abs(exact - left_meant @ right_meant.T) <= slack).all()


def test_a_zero_row_has_zero_codes() -> None:
    codes = empty_codes(1, 5)
    code_rows(codes, slice(0, 1), torch.zeros(1, 5))
    assert not codes.codes.any()
    assert codes.errors[0] == 0
