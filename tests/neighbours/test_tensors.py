"""Arrays as tensors."""

from __future__ import annotations

import warnings

import numpy as np
import torch

from fairseq_xling.neighbours.tensors import as_tensor, longest


def test_a_read_only_array_is_shared_without_a_warning() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = as_tensor(array)
    assert tensor.data_ptr() == array.ctypes.data


def test_the_longest_row_is_rounded_up() -> None:
    rows = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert 5.0 <= longest(rows) < 5.0001
