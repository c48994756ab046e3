"""Upper bounds of all cosines from one matrix product: what is multiplied, and how much may be missing from it.

Notation: x = p + Qa + e with p a side's mean, Q orthonormal directions, a = Q'(x - p) and e orthogonal to Q. Then
x.y = (x - p).(y - q) + x.q + p.y - p.q with (x - p).(y - q) = a.b + e.f <= a.b + |e||f| (Cauchy-Schwarz). The lengths
|e| and |f| are one more coordinate of what is multiplied, so one product gives the bound itself. This holds for any
means and any basis; everything that rounding can add is in the slack.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fairseq_xling.neighbours.certify import BF16_UNIT, FP32_UNIT, accumulation, bf16_output_error, product_error
from fairseq_xling.neighbours.directions import Basis
from fairseq_xling.neighbours.gemm import Gemm
from fairseq_xling.neighbours.threads import on_all_cores

Float32 = npt.NDArray[np.float32]

# Rounding of centred unit vectors (length at most 2), of their offsets (at most 2) and of sums of these, in float32.
_OFFSET_ERROR = 64 * FP32_UNIT
_UNIT = 1.01  # no unit vector is longer
_MEAN_ROWS = 8192  # enough for a mean; any other vector would do
_TURNED_ROWS = 1024  # at a time, on one core


@dataclass(frozen=True)
class UpperBound:
    """For all pairs cos(i, j) <= first bound + slack, and <= first bound + source_rest[i].target_rest[j] + rest_slack.

    The first bound is source[i].target[j], as the block product gives it, + source_offsets[i] + target_offsets[j].
    `source` [n, w] and `target` [m, w] are float32 or bfloat16, `*_rest` [n, v] and [m, v] (v may be 0) and the
    offsets [n] and [m] float32. `cosine_slack` bounds the error of a float32 product of the vectors themselves.
    """

    source: torch.Tensor
    target: torch.Tensor
    source_offsets: Float32
    target_offsets: Float32
    slack: float
    source_rest: Float32
    target_rest: Float32
    rest_slack: float
    cosine_slack: float


@dataclass(frozen=True)
class _Turned:
    """One side in a basis: leading coordinates and what they leave out [n, leading + 1], the rest [n, v], lengths."""

    leading: torch.Tensor
    rest: torch.Tensor
    longest: float


def plain_bound(source: Float32, target: Float32) -> UpperBound:
    """The float32 product itself: only its rounding is missing."""
    left, right = as_tensor(source), as_tensor(target)
    slack = product_error(source.shape[1], _longest(left), _longest(right))
    nothing = np.zeros(len(source), np.float32), np.zeros(len(target), np.float32)
    return UpperBound(left, right, *nothing, slack, no_rest(len(source)), no_rest(len(target)), slack, slack)


def bf16_bound(source: Float32, target: Float32) -> UpperBound:
    """The bfloat16 product of centred vectors.

    Encoders give all sentences a large common component, whose rounding would hide the differences that decide.
    """
    left, right = as_tensor(source), as_tensor(target)
    means = left[:_MEAN_ROWS].mean(dim=0), right[:_MEAN_ROWS].mean(dim=0)
    left, right, error = _to_bf16(left - means[0], right - means[1])
    slack = error + _offset_slack(source.shape[1])
    rests = no_rest(len(source)), no_rest(len(target))
    return UpperBound(left, right, *_offsets(source, target, means), slack, *rests, slack, _cosine_slack(source))


def leading_bound(
    source: Float32, target: Float32, basis: Basis, precision: str, turn: Gemm, threads: int
) -> UpperBound:
    """The product of the leading coordinates and of the lengths of all others; `turn` is a float32 product."""
    means = basis.source_mean, basis.target_mean
    turning = _turning_error(basis.directions)
    sides = [
        _turned(as_tensor(vectors), mean, basis, turning, (turn, threads))
        for vectors, mean in zip((source, target), means, strict=True)
    ]
    lengths = sides[0].longest, sides[1].longest
    # a.b - a'.b' = (a - a').b + a'.(b - b') for turned coordinates a' that are off by at most turning * length.
    slack = turning * (2 + turning) * lengths[0] * lengths[1] + _offset_slack(source.shape[1])
    left, right = sides[0].leading, sides[1].leading
    if precision == "bf16":
        for part in (left, right):
            part[:, -1] *= 1 + 4 * BF16_UNIT  # the length stays an upper bound when it is rounded
        left, right, error = _to_bf16(left, right)
        slack += error
    else:
        slack += product_error(left.shape[1], _longest(left), _longest(right))
    rests, rest_slack = [side.rest for side in sides], slack
    if rests[0].shape[1]:
        # The last column takes back what the first bound adds for all coordinates but the leading ones.
        rests[0][:, -1], rests[1][:, -1] = -left[:, -1].float(), right[:, -1].float()
        rest_slack += product_error(rests[0].shape[1], _longest(rests[0]), _longest(rests[1]))
    offsets = _offsets(source, target, means)
    return UpperBound(
        left, right, *offsets, slack, rests[0].numpy(), rests[1].numpy(), rest_slack, _cosine_slack(source)
    )


def no_rest(rows: int) -> Float32:
    """The rest [rows, 0] of a bound that is not refined."""
    return np.empty((rows, 0), np.float32)


def as_tensor(vectors: Float32) -> torch.Tensor:
    """The same memory as a tensor, which nothing writes to: the array may be a read-only memory map."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(vectors)


def _turned(vectors: torch.Tensor, mean: torch.Tensor, basis: Basis, turning: float, by: tuple[Gemm, int]) -> _Turned:
    """Coordinates of all rows in the basis, with upper bounds of the lengths that the leading ones, and all, miss."""
    n, total, leading = len(vectors), basis.directions.shape[1], basis.leading
    more = total - leading
    first, rest = torch.empty(n, leading + 1), torch.empty(n, more + 2 if more else 0)
    lengths, fuzz = torch.empty(n), 4 * accumulation(vectors.shape[1])
    turn, threads = by
    directions = basis.directions.T.contiguous()

    def turn_rows(start: int) -> None:
        rows = slice(start, start + _TURNED_ROWS)
        centred = vectors[rows] - mean
        turned = turn.multiply(centred, directions, torch.empty(len(centred), total))
        length = torch.linalg.vector_norm(centred, dim=1)
        lengths[rows] = length
        first[rows, :leading] = turned[:, :leading]
        first[rows, leading] = _missing(length, turned[:, :leading], turning, fuzz)
        if more:
            rest[rows, :more] = turned[:, leading:]
            rest[rows, more] = _missing(length, turned, turning, fuzz)

    on_all_cores(turn_rows, range(0, n, _TURNED_ROWS), threads)
    return _Turned(first, rest, float(lengths.max()) * (1 + fuzz))


def _missing(length: torch.Tensor, turned: torch.Tensor, turning: float, fuzz: float) -> torch.Tensor:
    """Upper bound of |e| from |x - p| and the turned coordinates: |e|^2 = |x - p|^2 - |a|^2, all rounded outwards."""
    length = length.double() * (1 + fuzz)
    seen = torch.linalg.vector_norm(turned, dim=1).double() * (1 - fuzz) - turning * length
    missed: torch.Tensor = (length.square() - seen.clamp_min(0).square()).clamp_min(0).sqrt()
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
    lengths = _longest(short_left.float()), _longest(short_right.float())
    # x.y - x'.y' = (x - x').y + x'.(y - y'), each by Cauchy-Schwarz from the rounding errors as they are.
    rounding = _longest(left - short_left) * _longest(right) + lengths[0] * _longest(right - short_right)
    product = product_error(2 * left.shape[1], *lengths) + bf16_output_error(*lengths)
    return short_left, short_right, rounding + product


def _offsets(source: Float32, target: Float32, means: tuple[torch.Tensor, torch.Tensor]) -> tuple[Float32, Float32]:
    """What centring takes from the product: x.q - p.q for each source and p.y for each target."""
    common = float(means[0].double() @ means[1].double())
    return (as_tensor(source) @ means[1] - common).numpy(), (as_tensor(target) @ means[0]).numpy()


def _offset_slack(dim: int) -> float:
    """Rounding of both offsets; a mean of unit vectors is no longer than they are."""
    return _OFFSET_ERROR + 2 * product_error(dim, _UNIT, _UNIT)


def _cosine_slack(vectors: Float32) -> float:
    return product_error(vectors.shape[1], _UNIT, _UNIT)


def _longest(vectors: torch.Tensor) -> float:
    """The largest row norm, rounded up."""
    return float(torch.linalg.vector_norm(vectors, dim=1).max()) * (1 + 2 * accumulation(vectors.shape[1]))
