"""Vectors with everything that makes neighbours hard: repeated rows, near-ties, a common mean, tiny sizes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

Float32 = npt.NDArray[np.float32]


def unit(matrix: npt.NDArray[np.float64]) -> Float32:
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


@st.composite
def two_sides(draw: st.DrawFn, largest: int = 40, longest: int = 70) -> tuple[Float32, Float32]:
    """Unit rows [n, d] and [m, d] of one of several kinds."""
    n, m, dim = draw(st.integers(1, largest)), draw(st.integers(1, largest)), draw(st.integers(1, longest))
    kind = draw(st.sampled_from(["gaussian", "mean", "few directions", "repeated", "near ties", "grid"]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    both = generator.standard_normal((n + m, dim))
    if kind == "mean":
        both = 0.05 * both + generator.standard_normal(dim)
    elif kind == "few directions":
        both *= np.arange(1, dim + 1) ** -1.5
    elif kind == "repeated":
        both = both[generator.integers(0, max(1, (n + m) // 6), n + m)]
    elif kind == "near ties":
        both = generator.standard_normal(dim) + 1e-7 * both
    elif kind == "grid":
        both = generator.integers(-1, 2, (n + m, dim)).astype(np.float64)
    both[np.linalg.norm(both, axis=1) < 1e-6] = 1.0
    rows = unit(both)
    return rows[:n], rows[n:]


def falling(n: int, m: int, dim: int, seed: int) -> tuple[Float32, Float32]:
    """Unit rows whose variances fall from direction to direction; the m targets say again what sources say."""
    generator = np.random.default_rng(seed)
    deviations = np.arange(1, dim + 1) ** -0.5
    source = generator.standard_normal((n, dim)) * deviations
    said = source[generator.integers(0, n, m)]
    return unit(source), unit(said + 0.5 * generator.standard_normal((m, dim)) * deviations)
