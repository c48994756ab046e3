"""NumPy arrays as tensors, and the lengths of their rows."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import torch

from fairseq_xling.neighbours.certify import accumulation


def as_tensor(vectors: npt.NDArray[np.float32]) -> torch.Tensor:
    """The same memory as a tensor, which nothing writes to: the array may be a read-only memory map."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(vectors)


def longest(vectors: torch.Tensor) -> float:
    """The largest length of a row, rounded up."""
    return float(torch.linalg.vector_norm(vectors, dim=1).max()) * (1 + 2 * accumulation(vectors.shape[1]))
