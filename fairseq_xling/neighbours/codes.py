"""Vectors as 8-bit codes: a quarter of the memory to read, and a product that is known to within two per cent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fairseq_xling.neighbours.certify import CODE_COLUMNS, FP32_UNIT, accumulation

_LARGEST = 127
LONGEST_CODED = (2**31 - 1) // _LARGEST**2 // CODE_COLUMNS * CODE_COLUMNS  # more columns might overflow a product


@dataclass(frozen=True)
class Codes:
    """Row i stands for scales[i] * codes[i], which is within errors[i] of it; codes [n, d to the next 64] int8.

    Then |x.y - scales scales codes.codes| <= |x - x'||y| + |x'||y - y'| (Cauchy-Schwarz): see `code_slack`.
    """

    codes: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    errors: npt.NDArray[np.float32]


def empty_codes(rows: int, dim: int) -> Codes:
    """Codes to be filled by `code_rows`."""
    width = -(-dim // CODE_COLUMNS) * CODE_COLUMNS
    return Codes(np.zeros((rows, width), np.int8), np.zeros(rows, np.float32), np.zeros(rows, np.float32))


def no_codes(rows: int) -> Codes:
    """Codes without columns, for a bound that needs none."""
    return Codes(np.empty((rows, 0), np.int8), np.empty(0, np.float32), np.empty(0, np.float32))


def code_rows(into: Codes, rows: slice, vectors: torch.Tensor) -> None:
    """Code `vectors` [r, d] as these rows."""
    scales = vectors.abs().amax(dim=1) / _LARGEST
    codes = torch.round(vectors / scales.clamp_min(1e-30)[:, None])
    errors = torch.linalg.vector_norm(vectors - codes * scales[:, None], dim=1)
    # The difference itself is rounded once in each element, by no more than FP32_UNIT of the longer operand.
    grown = errors * (1 + 4 * accumulation(vectors.shape[1])) + 4 * FP32_UNIT * torch.linalg.vector_norm(vectors, dim=1)
    into.codes[rows, : vectors.shape[1]] = codes.to(torch.int8).numpy()
    into.scales[rows], into.errors[rows] = scales.numpy(), grown.numpy()


def code_slack(source: Codes, target: Codes, source_length: float, target_length: float) -> float:
    """Bound on |x.y - code product| for vectors of at most these lengths, with the float64 product of the scales."""
    errors = float(source.errors.max()), float(target.errors.max())
    return errors[0] * target_length + (source_length + errors[0]) * errors[1] + 8 * FP32_UNIT
