"""All blocks of a problem, by threads that each multiply and sweep on their own core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from threading import Lock, local

import numpy as np
import torch

from fairseq_xling.neighbours.gemm import Gemm
from fairseq_xling.neighbours.sweep import CompiledSweep, Problem, Sweep, TorchSweep
from fairseq_xling.neighbours.threads import on_all_cores

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Grid:
    """The blocks' largest shape, the number of threads, and whether numba updates the lists.

    `in_step`: no thread begins a block row's next block before all have done their present one, so that what a block
    sees of the lists depends on the shape of the blocks alone. Only bounds that are not proven need that.
    """

    block_rows: int
    block_columns: int
    threads: int
    compiled: bool
    in_step: bool = False


@dataclass(frozen=True)
class Work:
    """Seconds in block products (mean over threads), and how many products were finished exactly."""

    gemm_seconds: float
    finished: int


def sweep_all(problem: Problem, product: Gemm, grid: Grid, progress: Progress | None = None) -> Work:
    """Bring the problem's lists to their final state; `progress` is told how many products more are done."""
    locks = [Lock() for _ in range(0, len(problem.target), grid.block_columns)]
    workers, own, telling = list[_Worker](), local(), Lock()

    def start() -> None:
        own.worker = _Worker(problem, product, grid, locks)
        workers.append(own.worker)

    def sweep_rows(steps: range) -> None:
        def rows(first_row: int) -> None:
            for done in own.worker.rows(first_row, steps):
                if progress is not None:
                    with telling:
                        progress(done)

        on_all_cores(rows, range(0, len(problem.source), grid.block_rows), grid.threads, start)

    if grid.in_step:
        problem = replace(problem, floors=problem.columns.cosines.copy())
        for step in range(len(locks)):
            np.copyto(problem.floors, problem.columns.cosines)  # type: ignore[arg-type]
            sweep_rows(range(step, step + 1))
    else:
        sweep_rows(range(len(locks)))
    seconds = sum(worker.gemm_seconds for worker in workers) / grid.threads
    return Work(seconds, sum(worker.sweep.finished for worker in workers))


class _Worker:
    """One thread's buffers and clock."""

    def __init__(self, problem: Problem, product: Gemm, grid: Grid, locks: list[Lock]) -> None:
        self.problem, self.product, self.grid, self.locks = problem, product, grid, locks
        self.gemm_seconds = 0.0
        self.buffer = torch.empty(grid.block_rows * grid.block_columns)
        self.sweep: Sweep = (
            CompiledSweep(problem, grid.block_rows, grid.block_columns) if grid.compiled else TorchSweep(problem)
        )

    def rows(self, first_row: int, steps: range) -> Iterable[int]:
        """One block of rows against one block of columns a step; yields how many products each did.

        Blocks of rows start at different columns, so that threads seldom wait for each other's columns.
        """
        bound, grid = self.problem.bound, self.grid
        left = bound.source[first_row : first_row + grid.block_rows]
        for step in steps:
            turn = (first_row // grid.block_rows + step) % len(self.locks)
            first_column = turn * grid.block_columns
            right = bound.target[first_column : first_column + grid.block_columns]
            started = time.perf_counter()
            out = self.buffer[: len(left) * len(right)].view(len(left), len(right))
            block = self.product.multiply(left, right, out)
            self.gemm_seconds += time.perf_counter() - started
            self.sweep.block(block, first_row, first_column, self.locks[turn])
            yield len(left) * len(right)
