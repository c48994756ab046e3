"""Upper bounds of all cosines from one matrix product: what is multiplied, and how much may be missing from it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fairseq_xling.neighbours.certify import FP32_UNIT, accumulation, bf16_output_error, product_error

Float32 = npt.NDArray[np.float32]

# Rounding of centred unit vectors (length at most 2), of their offsets (at most 2) and of sums of these, in float32.
OFFSET_ERROR = 64 * FP32_UNIT


@dataclass(frozen=True)
class UpperBound:
    """cos(i, j) <= product(source[i], target[j]) + source_offsets[i] + target_offsets[j] + slack for every pair.

    `source` [n, w] and `target` [m, w] are float32 or bfloat16, the offsets [n] and [m] float32.
    """

    source: torch.Tensor
    target: torch.Tensor
    source_offsets: Float32
    target_offsets: Float32
    slack: float


def plain_bound(source: Float32, target: Float32) -> UpperBound:
    """The float32 product itself: only its rounding is missing."""
    left, right = as_tensor(source), as_tensor(target)
    slack = product_error(source.shape[1], _longest(left), _longest(right))
    nothing = np.zeros(len(source), np.float32), np.zeros(len(target), np.float32)
    return UpperBound(left, right, *nothing, slack)


def bf16_bound(source: Float32, target: Float32) -> UpperBound:
    """The bfloat16 product of centred vectors; the means' share is restored by the offsets, in float32.

    x.y = (x - p).(y - q) + x.q + p.y - p.q with the two sides' means p and q. Encoders give all sentences a large
    common component, whose rounding in bfloat16 would hide the differences that decide.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    left, right = _centred(source, source_mean), _centred(target, target_mean)
    source_offsets, target_offsets = offsets(source, target, source_mean, target_mean)
    short_left, short_right = left.bfloat16(), right.bfloat16()
    lengths = _longest(short_left.float()), _longest(short_right.float())
    # x.y - x'.y' = (x - x').y + x'.(y - y'), each by Cauchy-Schwarz from the rounding errors as they are.
    rounding = _longest(left - short_left) * _longest(right) + lengths[0] * _longest(right - short_right)
    slack = rounding + product_error(2 * source.shape[1], *lengths) + bf16_output_error(*lengths)
    return UpperBound(short_left, short_right, source_offsets, target_offsets, slack + OFFSET_ERROR)


def offsets(source: Float32, target: Float32, source_mean: Float32, target_mean: Float32) -> tuple[Float32, Float32]:
    """What centring takes from the product: x.q - p.q for each source and p.y for each target, summed in float64."""
    left = _products(source, target_mean) - float(source_mean.astype(np.float64) @ target_mean.astype(np.float64))
    return left.astype(np.float32), _products(target, source_mean).astype(np.float32)


def as_tensor(vectors: Float32) -> torch.Tensor:
    """The same memory as a tensor, which nothing writes to: the array may be a read-only memory map."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(vectors)


def _products(vectors: Float32, direction: Float32) -> npt.NDArray[np.float64]:
    return (as_tensor(vectors).double() @ torch.from_numpy(direction).double()).numpy()


def _centred(vectors: Float32, mean: Float32) -> torch.Tensor:
    return as_tensor(vectors) - torch.from_numpy(mean)


def _longest(vectors: torch.Tensor) -> float:
    """The largest row norm, rounded up."""
    return float(torch.linalg.vector_norm(vectors, dim=1).max()) * (1 + 2 * accumulation(vectors.shape[1]))
