"""One task a core: threads in which PyTorch itself does not multiply threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch


def on_all_cores(
    task: Callable[[int], None], arguments: Iterable[int], threads: int, start: Callable[[], None] | None = None
) -> None:
    """Call `task` with each argument in `threads` threads, each of which calls `start` first."""

    def alone() -> None:
        torch.set_num_threads(1)  # of this thread
        if start is not None:
            start()

    torch_threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=alone)
    try:
        for _ in pool.map(task, arguments):
            pass  # a fault in a thread, or Ctrl-C, is raised here
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(torch_threads)  # what threads to come start with


def default_threads() -> int:
    """As many as PyTorch uses: all processors this process may use, or OMP_NUM_THREADS."""
    return torch.get_num_threads()


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """PyTorch computes with so many threads in here. With one, no result depends on how many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
