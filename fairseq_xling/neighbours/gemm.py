"""The fastest block product this machine has, found by trial and checked against its proven bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

from fairseq_xling.errors import XlingError
from fairseq_xling.neighbours.certify import bf16_output_error, product_error

Multiply = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]

_PROBE = (512, 1024, 256)  # rows, columns, width: about 3 ms a product on one core
_PROBE_REPEATS = 3
_CHECKED_ROWS = 64
_BF16_SMALLEST = 32


@dataclass(frozen=True)
class Gemm:
    """`multiply(left [r, w], right [c, w], out [r, c])` gives left @ right.T in float32, in `out` or elsewhere."""

    name: str
    multiply: Multiply

    def holds(self, left: torch.Tensor, right: torch.Tensor) -> bool:
        """Whether a sample of these very rows is multiplied within the bound that the search relies on."""
        left, right = left[:_CHECKED_ROWS], right[:_CHECKED_ROWS]
        exact = left.double() @ right.double().T
        found = self.multiply(left, right, torch.empty(exact.shape)).double()
        norms = float(left.double().norm(dim=1).max()), float(right.double().norm(dim=1).max())
        bound = product_error(left.shape[1], *norms)
        if left.dtype == torch.bfloat16:
            bound += bf16_output_error(*norms)
        return bool(((found - exact).abs() <= bound).all())


def choose(precision: str, left: torch.Tensor, right: torch.Tensor, probe: bool) -> Gemm:
    """The fastest fp32 or bf16 product that keeps its bound on these rows; without `probe` the first that does."""
    known = _by_speed(precision) if probe else _KNOWN[precision]
    for gemm in known:
        if gemm.holds(left, right):
            return gemm
    raise XlingError(
        f"{precision} products are less exact here than {precision} arithmetic is, so neighbours cannot be proven. "
        "Undo torch.set_float32_matmul_precision, or choose another --precision."
    )


def bf16_pays() -> bool:
    """Whether bfloat16 products are clearly faster than float32 ones, as they are where the processor has them."""
    return 1.3 * _seconds(_by_speed("bf16")[0], "bf16") < _seconds(_by_speed("fp32")[0], "fp32")


def seconds_per_coordinate(precision: str) -> float:
    """Of one coordinate of one product, on one core, in the fastest way."""
    rows, columns, width = _PROBE
    return _seconds(_by_speed(precision)[0], precision) / (rows * columns * width)


@cache
def _by_speed(precision: str) -> tuple[Gemm, ...]:
    usable = [gemm for gemm in _KNOWN[precision] if _runs(gemm, precision)]
    return tuple(sorted(usable, key=lambda gemm: _seconds(gemm, precision)))


@cache
def _seconds(gemm: Gemm, precision: str) -> float:
    left, right, out = _probe_operands(precision)
    best, threads = float("inf"), torch.get_num_threads()
    torch.set_num_threads(1)  # as in the workers
    try:
        for _ in range(_PROBE_REPEATS):
            started = time.perf_counter()
            gemm.multiply(left, right, out)
            best = min(best, time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)
    return best


def _runs(gemm: Gemm, precision: str) -> bool:
    left, right, out = _probe_operands(precision)
    try:
        gemm.multiply(left, right, out)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False  # the private operator is absent from this PyTorch, or takes other arguments
    return True


@cache
def _probe_operands(precision: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rows, columns, width = _PROBE
    generator = torch.Generator().manual_seed(0)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left = torch.randn(rows, width, generator=generator).to(dtype)
    right = torch.randn(columns, width, generator=generator).to(dtype)
    return left, right, torch.empty(rows, columns)


def _matmul(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    return torch.mm(left, right.t(), out=out)


def _onednn(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    # MKL runs at half speed on AMD; oneDNN's float32 product is reached only through this private operator.
    return torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")  # type: ignore[no-any-return]


def _matmul_bf16(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    # PyTorch multiplies small bfloat16 matrices by loops that round every partial sum to bfloat16.
    if min(*left.shape, len(right)) < _BF16_SMALLEST:
        return _widened(left, right, out)
    return out.copy_(torch.mm(left, right.t()))


def _widened(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """bfloat16 operands in float32 arithmetic, where the processor has nothing better."""
    return torch.mm(left.float(), right.float().t(), out=out)


_KNOWN = {
    "fp32": (Gemm("mm fp32", _matmul), Gemm("oneDNN fp32", _onednn)),
    "bf16": (Gemm("mm bf16", _matmul_bf16), Gemm("mm fp32 of bf16", _widened)),
}
