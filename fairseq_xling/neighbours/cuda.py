"""The search of `kernel` on GPUs: products in low precision rule pairs out, and the processor scores what is left.

A GPU's products are only compared, never returned. With |product - cosine| <= slack proven, the k-th highest product of
a row less the slack is a lower bound of its k-th best cosine; so a pair whose product is more than two slacks below the
k-th highest of its row, and of its column, is no neighbour. All others get their exact cosine (`finishing`), and the
lists are those of the processor's search, byte for byte, whatever the device, the precision and the tiles.

Each GPU takes tiles of rows in turn. Nothing here is special to CUDA but the checks: `search_on` runs on any device of
PyTorch, and is tested on the processor alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Literal

import torch

from fairseq_xling.errors import MissingDependencyError, XlingError
from fairseq_xling.neighbours.certify import BF16_UNIT, FP32_UNIT, TF32_UNIT, accumulation, bf16_output_error
from fairseq_xling.neighbours.finishing import Finisher
from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig, SearchReport, checked_rows
from fairseq_xling.neighbours.lists import Float32, Int64
from fairseq_xling.neighbours.tensors import as_tensor, longest
from fairseq_xling.neighbours.threads import on_all_cores

if TYPE_CHECKING:
    from fairseq_xling.neighbours.workers import Progress

Precision = Literal["fp32", "tf32", "bf16"]
TILE_ROWS, TILE_COLUMNS = 8192, 65536  # 2 GB of products
# Tensor cores may truncate where they add (Fasi et al. 2021): four roundings to nearest cover one such step.
_ADDED = 4 * FP32_UNIT
_OPERAND = {"fp32": FP32_UNIT, "tf32": TF32_UNIT, "bf16": BF16_UNIT}
_CHECKED = 256  # rows of a sample whose products are compared with their bound


@dataclass(frozen=True)
class Devices:
    """Where to search, in what precision, and the tiles' largest shape."""

    devices: tuple[torch.device, ...]
    precision: Precision
    tile_rows: int = TILE_ROWS
    tile_columns: int = TILE_COLUMNS


def search_cuda(source: Float32, target: Float32, config: SearchConfig, progress: Progress | None = None) -> Neighbours:
    """`kernel.search` on all GPUs of this process; `precision` auto is tf32."""
    if not torch.cuda.is_available():
        raise MissingDependencyError(
            "--device cuda needs a GPU and a PyTorch built for CUDA, and this process has none. Leave --device out"
        )
    precision: Precision = "tf32" if config.precision == "auto" else config.precision
    devices = tuple(torch.device("cuda", number) for number in range(torch.cuda.device_count()))
    return search_on(Devices(devices, precision), source, target, config.k, progress)


def search_on(where: Devices, source: Float32, target: Float32, k: int, progress: Progress | None = None) -> Neighbours:
    """The exact k nearest of all `source` [n, d] and `target` [m, d], unit float32 rows."""
    started = time.perf_counter()
    left, right = checked_rows(source, "source"), checked_rows(target, "target")
    n, m = len(left), len(right)
    finisher, search = Finisher(left, right, k), _Search(where, left, right, k)
    free: SimpleQueue[torch.device] = SimpleQueue()
    for device in where.devices:
        search.check(device)
        free.put(device)
    telling = Lock()

    def tile(first: int) -> None:
        device = free.get()
        try:
            rows, columns = search.tile(device, first)
        finally:
            free.put(device)
        finisher.propose(rows, columns)
        if progress is not None:
            with telling:
                progress(min(where.tile_rows, n - first) * m)

    with _arithmetic(where.precision):
        on_all_cores(tile, range(0, n, where.tile_rows), len(where.devices))
    report = SearchReport(
        time.perf_counter() - started,
        finished=finisher.finished / (n * m),
        precision=where.precision,
        gemm="torch",
        backend=", ".join(map(str, where.devices)),
        threads=len(where.devices),
        block_rows=min(where.tile_rows, n),
        block_columns=min(where.tile_columns, m),
        coordinates=left.shape[1],
    )
    return Neighbours(finisher.rows.ids, finisher.rows.cosines, finisher.columns.ids, finisher.columns.cosines, report)


class _Search:
    """Centred vectors, what centring took from the products, and the k highest products seen of every column."""

    def __init__(self, where: Devices, left: Float32, right: Float32, k: int) -> None:
        self.where, self.k = where, k
        self.left, self.right = as_tensor(left), as_tensor(right)
        # The common part of all sentences would hide, by its rounding, the differences that decide.
        self.means = self.left[::97].mean(dim=0), self.right[::97].mean(dim=0)
        common = float(self.means[0].double() @ self.means[1].double())
        self.row_offsets = self.left @ self.means[1] - common
        self.column_offsets = self.right @ self.means[0]
        lengths = longest(self.left - self.means[0]), longest(self.right - self.means[1])
        self.slack = product_slack(where.precision, left.shape[1], *lengths) + _offset_slack(left.shape[1])
        self.columns = torch.full((len(right), min(k, len(left))), -torch.inf)
        self.merging = Lock()

    def check(self, device: torch.device) -> None:
        """Refuse a device whose products of a sample are off by more than what the search relies on."""
        with _arithmetic(self.where.precision):
            products = self._products(*self._sides(device, slice(_CHECKED), slice(_CHECKED))).double().cpu()
        exact = self.left[:_CHECKED].double() @ self.right[:_CHECKED].double().T
        if not bool(((products - exact).abs() <= self.slack).all()):
            raise XlingError(
                f"{self.where.precision} products on {device} are less exact than that arithmetic is, so neighbours "
                "cannot be proven. Choose another --precision, or leave --device out."
            )

    def tile(self, device: torch.device, first: int) -> tuple[Int64, Int64]:
        """(rows, columns) of all pairs of one tile of rows that may be neighbours."""
        rows = slice(first, min(first + self.where.tile_rows, len(self.left)))
        best = torch.full((rows.stop - first, min(self.k, len(self.right))), -torch.inf, device=device)
        found = list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]()
        for start in range(0, len(self.right), self.where.tile_columns):
            columns = slice(start, start + self.where.tile_columns)
            products = self._products(*self._sides(device, rows, columns))
            best = _higher(best, products)
            floors = self._column_floors(columns, products)
            wanted = products >= torch.minimum(best[:, -1:], floors) - 2 * self.slack
            own, other = wanted.nonzero(as_tuple=True)
            found.append((own, other + start, products[own, other]))
        own, other, values = (torch.cat(parts) for parts in zip(*found, strict=True))
        # The rows' floors are final now, and the columns' have risen meanwhile.
        floors = torch.minimum(best[own, -1], self.columns[:, -1].to(device)[other])
        kept = values >= floors - 2 * self.slack
        return (own[kept] + first).cpu().numpy(), other[kept].cpu().numpy()

    def _sides(
        self, device: torch.device, rows: slice, columns: slice
    ) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
        """(centred vectors, offsets) of some rows and some columns on the device."""
        kind = torch.bfloat16 if self.where.precision == "bf16" else torch.float32
        sides = ((self.left, self.row_offsets, rows), (self.right, self.column_offsets, columns))
        return tuple(
            ((vectors[part].to(device) - mean.to(device)).to(kind), offsets[part].to(device))
            for (vectors, offsets, part), mean in zip(sides, self.means, strict=True)
        )

    @staticmethod
    def _products(left: tuple[torch.Tensor, torch.Tensor], right: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        one, other = left[0], right[0]
        if one.device.type == "cpu":  # where PyTorch may round every partial sum of short numbers
            one, other = one.float(), other.float()
        products = (one @ other.T).float()
        products += left[1][:, None]
        products += right[1]
        return products

    def _column_floors(self, columns: slice, products: torch.Tensor) -> torch.Tensor:
        """The columns' k-th highest products so far, these included, of all devices."""
        k = self.columns.shape[1]
        tops = products.topk(min(k, len(products)), dim=0).values.T.cpu()
        with self.merging:
            self.columns[columns] = _higher(self.columns[columns], tops)
            return self.columns[columns, -1].to(products.device)


def product_slack(precision: Precision, width: int, left: float, right: float) -> float:
    """Bound on |product - exact| for rows no longer than `left` and `right`, whose operands are rounded first.

    Both operands off by a share u of each element change the sum by at most (2u + u^2) |x||y| (Cauchy-Schwarz).
    """
    unit = _OPERAND[precision]
    slack = ((2 + unit) * unit + (1 + unit) ** 2 * accumulation(width, _ADDED)) * left * right
    return 1.01 * slack + (bf16_output_error(left, right) if precision == "bf16" else 0.0)


def _offset_slack(width: int) -> float:
    """Rounding of the centred vectors, of both offsets and of the sums, all of lengths of at most 2."""
    return 64 * FP32_UNIT + 8 * accumulation(width)


def _higher(best: torch.Tensor, products: torch.Tensor) -> torch.Tensor:
    """The highest [r, k] of each row, `best` [r, k] and `products` [r, c] together, falling."""
    k = best.shape[1]
    tops = products.topk(min(k, products.shape[1]), dim=1).values
    return torch.cat([best, tops], dim=1).topk(k, dim=1).values


@contextmanager
def _arithmetic(precision: Precision) -> Iterator[None]:
    """Matrix products in this precision, with float32 sums; as it was before, afterwards."""
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32, matmul.allow_bf16_reduced_precision_reduction
    matmul.allow_tf32, matmul.allow_bf16_reduced_precision_reduction = precision == "tf32", False
    try:
        yield
    finally:
        matmul.allow_tf32, matmul.allow_bf16_reduced_precision_reduction = before
