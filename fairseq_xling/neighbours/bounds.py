"""Upper bounds of all cosines: first from one matrix product, then from a product of 8-bit codes for what is left.

Notation: x = p + Qa + e with p a side's mean, Q orthonormal directions, a = Q'(x - p) and e orthogonal to Q. Then
x.y = (x - p).(y - q) + x.q + p.y - p.q with (x - p).(y - q) = a.b + e.f <= a.b + |e||f| (Cauchy-Schwarz). The lengths
|e| and |f| are one more coordinate of what is multiplied, so one product gives the bound itself. This holds for any
means and any basis; everything that rounding can add is in the slack.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fairseq_xling.neighbours.certify import BF16_UNIT, FP32_UNIT, accumulation, bf16_output_error, product_error
from fairseq_xling.neighbours.codes import Codes, code_rows, code_slack, empty_codes, no_codes
from fairseq_xling.neighbours.directions import Basis
from fairseq_xling.neighbours.gemm import Gemm
from fairseq_xling.neighbours.tensors import as_tensor, longest
from fairseq_xling.neighbours.threads import on_all_cores

Float32 = npt.NDArray[np.float32]

# Rounding of centred unit vectors (length at most 2), of their offsets (at most 2) and of sums of these, in float32.
_OFFSET_ERROR = 64 * FP32_UNIT
_UNIT = 1.01  # no unit vector is longer
_MEAN_ROWS = 8192  # enough for a mean; any other vector would do
_TURNED_ROWS = 512  # at a time, on one core


@dataclass(frozen=True)
class UpperBound:
    """For every pair: cos(i, j) <= product + offsets + slack, and <= code product + offsets + code_slack.

    The product is source[i].target[j] as a block product gives it, the offsets source_offsets[i] + target_offsets[j],
    the code product that of `codes`. `source` [n, w] and `target` [m, w] are float32 or bfloat16, offsets [n] and [m]
    float32. Codes without columns bound nothing: the first bound is tight then.
    """

    source: torch.Tensor
    target: torch.Tensor
    source_offsets: Float32
    target_offsets: Float32
    slack: float
    source_codes: Codes
    target_codes: Codes
    code_slack: float


def plain_bound(source: Float32, target: Float32) -> UpperBound:
    """The float32 product itself: only its rounding is missing."""
    left, right = as_tensor(source), as_tensor(target)
    nothing = np.zeros(len(source), np.float32), np.zeros(len(target), np.float32)
    slack = product_error(source.shape[1], longest(left), longest(right))
    return UpperBound(left, right, *nothing, slack, no_codes(len(source)), no_codes(len(target)), 0.0)


def bf16_bound(source: Float32, target: Float32) -> UpperBound:
    """The bfloat16 product of centred vectors.

    Encoders give all sentences a large common component, whose rounding would hide the differences that decide.
    """
    left, right = as_tensor(source), as_tensor(target)
    means = left[:_MEAN_ROWS].mean(dim=0), right[:_MEAN_ROWS].mean(dim=0)
    left, right, error = _to_bf16(left - means[0], right - means[1])
    slack = error + _offset_slack(source.shape[1])
    codes = no_codes(len(source)), no_codes(len(target))
    return UpperBound(left, right, *_offsets(source, target, means), slack, *codes, 0.0)


@dataclass(frozen=True)
class LeadingSide:
    """One side of a `leading_bound`; it serves with every other side that was turned into the same basis.

    `coordinates` [n, w + 1] are the leading ones and the length that they miss, `codes` those of the centred rows,
    `length` the longest of these, `offsets` [n] the products with the other side's mean.
    """

    coordinates: torch.Tensor
    codes: Codes
    length: float
    offsets: Float32


def leading_bound(
    source: Float32, target: Float32, basis: Basis, precision: str, turn: Gemm, threads: int
) -> UpperBound:
    """The product of the leading coordinates and of the lengths of all others; `turn` is a float32 product."""
    sides = leading_side(source, basis, turn, threads), leading_side(target, basis.turned, turn, threads)
    return joined_bound(*sides, basis, precision)


def joined_bound(source: LeadingSide, target: LeadingSide, basis: Basis, precision: str) -> UpperBound:
    """The same from a source side in `basis` and a target side in `basis.turned`.

    A basis that takes only a share of the missing lengths gives bounds that hold for most pairs, not for all.
    """
    turning, offset_slack = _turning_error(basis.directions), _offset_slack(len(basis.directions))
    left, right = source.coordinates, target.coordinates
    if basis.share < 1:
        left = torch.cat([left[:, :-1], basis.share * left[:, -1:]], dim=1)
    # a.b - a'.b' = (a - a').b + a'.(b - b') for turned coordinates a' that are off by at most turning * length.
    slack = turning * (2 + turning) * source.length * target.length + offset_slack
    if precision == "bf16":
        left, right, error = _to_bf16(_widened(left), _widened(right))
        slack += error
    else:
        slack += product_error(left.shape[1], longest(left), longest(right))
    coded = code_slack(source.codes, target.codes, source.length, target.length) + offset_slack
    common = np.float32(float(basis.source_mean.double() @ basis.target_mean.double()))
    return UpperBound(
        left, right, source.offsets - common, target.offsets, slack, source.codes, target.codes, coded
    )  # fmt: skip


def leading_side(vectors: Float32, basis: Basis, turn: Gemm, threads: int) -> LeadingSide:
    """Turn and code rows [n, d] that lie around the basis's source mean."""
    n, width, dim = len(vectors), basis.directions.shape[1], vectors.shape[1]
    turned, codes = torch.empty(n, width + 1), empty_codes(n, dim)
    lengths, fuzz, turning = torch.empty(n), 4 * accumulation(dim), _turning_error(basis.directions)
    rows_of_directions, every = basis.directions.T.contiguous(), as_tensor(vectors)

    def turn_rows(start: int) -> None:
        rows = slice(start, start + _TURNED_ROWS)
        centred = every[rows] - basis.source_mean
        coordinates = turn.multiply(centred, rows_of_directions, torch.empty(len(centred), width))
        lengths[rows] = torch.linalg.vector_norm(centred, dim=1) * (1 + fuzz)
        turned[rows, :width] = coordinates
        turned[rows, width] = _missing(lengths[rows], coordinates, turning, fuzz)
        code_rows(codes, rows, centred)

    on_all_cores(turn_rows, range(0, n, _TURNED_ROWS), threads)
    return LeadingSide(turned, codes, float(lengths.max()), (every @ basis.target_mean).numpy())


def _widened(coordinates: torch.Tensor) -> torch.Tensor:
    """A copy whose last coordinate, the length, stays an upper bound when it is rounded to bfloat16."""
    wide = coordinates.clone()
    wide[:, -1] *= 1 + 4 * BF16_UNIT
    return wide


def _missing(lengths: torch.Tensor, coordinates: torch.Tensor, turning: float, fuzz: float) -> torch.Tensor:
    """Upper bound of |e| from |x - p| and the turned coordinates: |e|^2 = |x - p|^2 - |a|^2, all rounded outwards."""
    lengths = lengths.double()
    seen = torch.linalg.vector_norm(coordinates, dim=1).double() * (1 - fuzz) - turning * lengths
    missed: torch.Tensor = (lengths.square() - seen.clamp_min(0).square()).clamp_min(0).sqrt()
    return missed.float() * (1 + 4 * FP32_UNIT)


def _turning_error(directions: torch.Tensor) -> float:
    """Bound on |a - a'| / |x - p|: the rounding of the sums, and that the basis is orthonormal only nearly.

    Q'Q = I + E puts Q within |E| of an orthonormal basis of the same space (its singular values are within |E| of 1).
    """
    wide = directions.double()
    defect = float((wide.T @ wide - torch.eye(wide.shape[1], dtype=torch.float64)).norm()) + 1e-12
    return accumulation(len(directions) + 4) * (1 + defect) * float(np.sqrt(wide.shape[1])) + defect


def _to_bf16(left: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Both sides rounded, and a bound on what rounding operands and product can change of any product."""
    short_left, short_right = left.bfloat16(), right.bfloat16()
    lengths = longest(short_left.float()), longest(short_right.float())
    # x.y - x'.y' = (x - x').y + x'.(y - y'), each by Cauchy-Schwarz from the rounding errors as they are.
    rounding = longest(left - short_left) * longest(right) + lengths[0] * longest(right - short_right)
    product = product_error(2 * left.shape[1], *lengths) + bf16_output_error(*lengths)
    return short_left, short_right, rounding + product


def _offsets(source: Float32, target: Float32, means: tuple[torch.Tensor, torch.Tensor]) -> tuple[Float32, Float32]:
    """What centring takes from the product: x.q - p.q for each source and p.y for each target."""
    common = float(means[0].double() @ means[1].double())
    return (as_tensor(source) @ means[1] - common).numpy(), (as_tensor(target) @ means[0]).numpy()


def _offset_slack(dim: int) -> float:
    """Rounding of both offsets; a mean of unit vectors is no longer than they are."""
    return _OFFSET_ERROR + 2 * product_error(dim, _UNIT, _UNIT)
