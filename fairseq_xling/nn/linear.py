"""The fastest linear layer that this processor has; the same in every process, because it decides the last bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

Linear = Callable[[Tensor, Tensor, "Tensor | None"], Tensor]
"""x [rows, in], weight [out, in], bias [out] or None to [rows, out]."""

_CHECKED = (64, 512, 256)  # rows, in, out
_TOLERANCE = 1e-4


def onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """oneDNN's float32 product, which PyTorch reaches only through this private operator."""
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return found


def linear_for(weight: Tensor) -> Linear:
    """PyTorch's own way, which is MKL's; oneDNN's for float32 on a processor of AMD with AVX-512.

    MKL leaves AVX-512 alone there and runs at half of oneDNN's speed. Nothing is timed: a trial would end one way or
    the other from process to process, and what was encoded twice would not be the same bytes.
    """
    if weight.device.type == "cpu" and weight.dtype == torch.float32 and _onednn_pays():
        return onednn
    return functional.linear


@cache
def _onednn_pays() -> bool:
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and maker() == "AuthenticAMD" and gives_the_same(onednn)


def maker() -> str:
    """The processor's maker as it names itself; empty where the system does not say."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")


def gives_the_same(other: Linear) -> bool:
    """Whether it is there in this PyTorch, takes these arguments, and computes a linear layer."""
    rows, width, height = _CHECKED
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(rows, width, generator=generator), torch.randn(height, width, generator=generator)
    bias = torch.randn(height, generator=generator)
    try:
        with torch.inference_mode():
            found, expected = other(x, weight, bias), functional.linear(x, weight, bias)
    except (RuntimeError, AttributeError, NotImplementedError, TypeError):
        return False
    return torch.allclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE * width**0.5)
