"""The fastest way to a linear layer that this machine has, found by trial once in a process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

Linear = Callable[[Tensor, Tensor, "Tensor | None"], Tensor]
"""x [rows, in], weight [out, in], bias [out] or None to [rows, out]."""

_PROBE = (512, 512, 1024)  # rows, in, out: about 6 ms a product on one core
_REPEATS = 3
# Nearly equal ways change places from one process to the next, and with them the last bits of a vector.
_CLEARLY = 1.3
_TOLERANCE = 1e-4


def onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """oneDNN's float32 product, which PyTorch reaches only through this private operator."""
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return found


def linear_for(weight: Tensor) -> Linear:
    """PyTorch's own way; oneDNN's for float32 on a processor where MKL is much slower, as it is on some of AMD's."""
    if weight.device.type == "cpu" and weight.dtype == torch.float32 and _onednn_pays():
        return onednn
    return functional.linear


@cache
def _onednn_pays() -> bool:
    return clearly_faster(onednn, functional.linear)


def clearly_faster(other: Linear, usual: Linear) -> bool:
    """Whether `other` works here, gives the same, and takes much less time on one core."""
    rows, width, height = _PROBE
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(rows, width, generator=generator), torch.randn(height, width, generator=generator)
    bias = torch.randn(height, generator=generator)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            found, expected = other(x, weight, bias), usual(x, weight, bias)
            if not torch.allclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE * width**0.5):
                return False
            return _CLEARLY * _seconds(other, x, weight, bias) < _seconds(usual, x, weight, bias)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False  # the private operator is absent from this PyTorch, or takes other arguments
    finally:
        torch.set_num_threads(threads)


def _seconds(linear: Linear, x: Tensor, weight: Tensor, bias: Tensor) -> float:
    best = float("inf")
    for _ in range(_REPEATS):
        started = time.perf_counter()
        linear(x, weight, bias)
        best = min(best, time.perf_counter() - started)
    return best
