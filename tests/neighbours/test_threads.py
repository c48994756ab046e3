"""One task a core."""

from __future__ import annotations

from threading import Lock

import pytest
import torch

from fairseq_xling.neighbours.threads import on_all_cores


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_argument_once_in_threads_without_threads_of_their_own(threads: int) -> None:
    before, lock = torch.get_num_threads(), Lock()
    seen, inner, started = list[int](), set[int](), list[int]()

    def task(number: int) -> None:
        with lock:
            seen.append(number)
            inner.add(torch.get_num_threads())

    on_all_cores(task, range(20), threads, lambda: started.append(1))
    assert sorted(seen) == list(range(20))
    assert inner == {1}
    assert 1 <= len(started) <= threads
    assert torch.get_num_threads() == before


def test_a_fault_in_a_thread_is_raised() -> None:
    def task(number: int) -> None:
        if number == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        on_all_cores(task, range(20), 2)
