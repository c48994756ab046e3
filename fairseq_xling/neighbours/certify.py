"""What makes a search exact: one fixed-order cosine for every result, and proven bounds on all other arithmetic.

A GEMM's products depend on its block shape, thread count and precision. They are therefore never returned, only used
to rule pairs out: with `|computed - exact| <= bound` proven, a pair whose computed product plus the bound stays below
the k-th best cosine of both its sentences cannot be a neighbour. Every other pair gets its `pair_cosines`, at once.
Nothing is left uncertain, so no row is ever searched twice, and ties of any depth are settled by id.

Rounding model: Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1, which holds for any order
of summation, with or without fused multiply-add.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

LANES = 16  # a vector's element i is summed in lane i mod 16; the lanes are then added pairwise
CODE_COLUMNS = 64  # the codes of `codes` have a multiple of it
FP32_UNIT = 2.0**-24
BF16_UNIT = 2.0**-9
TF32_UNIT = 2.0**-10  # ten bits behind the first, and the others may be cut off instead of rounded
_TINY = 1e-30  # what gradual underflow, or its absence, can add
_BATCH_ELEMENTS = 1 << 20


def pair_cosines(source: Float32, target: Float32, source_ids: Int64, target_ids: Int64) -> Float32:
    """THE cosine of each pair (source_ids[p], target_ids[p]): fixed-order float64 sum rounded to float32, [p].

    `source` [n, d] and `target` [m, d] hold unit float32 rows. A product of two float32 numbers is exact in float64,
    so only the order of the additions matters, and that is fixed by LANES.
    """
    source_ids, target_ids = np.asarray(source_ids), np.asarray(target_ids)
    dim = source.shape[1]
    cosines = np.empty(len(source_ids), np.float32)
    batch = max(1, _BATCH_ELEMENTS // dim)
    for start in range(0, len(cosines), batch):
        rows, columns = source_ids[start : start + batch], target_ids[start : start + batch]
        products = source[rows].astype(np.float64)
        products *= target[columns]
        cosines[start : start + batch] = _lane_sums(products)
    return cosines


def _lane_sums(products: Float64) -> Float64:
    """Row sums of [p, d], each lane in order of position, then halves of the lanes added until one is left."""
    lanes = np.zeros((len(products), LANES))
    for position in range(0, products.shape[1], LANES):
        part = products[:, position : position + LANES]
        lanes[:, : part.shape[1]] += part
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        lanes = lanes[:, :half] + lanes[:, half:]
    return lanes[:, 0]


def accumulation(terms: int, unit: float = FP32_UNIT) -> float:
    """Higham's gamma: the error of a sum of `terms` products, relative to the sum of their absolute values."""
    return terms * unit / (1 - terms * unit)


def product_error(width: int, left: float, right: float) -> float:
    """Bound on |computed - exact| for an fp32 dot product of `width` terms, rows no longer than `left` and `right`.

    By Cauchy-Schwarz the absolute products sum to at most left * right. It also covers the rounding of the exact
    cosine to float32 and of thresholds compared in float32 (the eight further terms).
    """
    return accumulation(width + 8) * left * right + _TINY


def bf16_output_error(left: float, right: float) -> float:
    """Bound on what rounding a product of such rows to bfloat16 changes."""
    return 1.01 * BF16_UNIT * left * right + _TINY
