"""When an attempt ended for want of memory, and what the next one gets."""

from __future__ import annotations

import pytest

from fairseq_xling.rounds.executors.memory import doubled, ran_out
from fairseq_xling.rounds.perform import Outcome


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (-9, "train: fairseq-train ended with signal SIGKILL", True),
        (137, "train: fairseq-train ended with exit code 137", True),
        (1, "mine: job 7 ended with OUT_OF_MEMORY", True),
        (1, "mine: job 7 ended with FAILED: slurmstepd: error: Exceeded job memory limit", True),
        (1, "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 4 GiB", True),
        (1, "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried", True),
        (1, "OSError: [Errno 12] Cannot allocate memory", True),
        (1, "train: fairseq-train ended with exit code 1: a dictionary is missing", False),
        (-15, "train: fairseq-train ended with signal SIGTERM", False),
    ],
)
def test_ran_out(code: int, message: str, expected: bool) -> None:
    assert ran_out(Outcome("train", code, message)) is expected


@pytest.mark.parametrize(
    ("mem", "expected"),
    [("60G", "122880M"), ("150M", "300M"), ("150", "300M"), ("2048K", "4M"), ("1T", "2097152M"), ("1.50G", "3072M"),
     (None, None), ("0", None), ("", None), ("N/A", None)],
)  # fmt: skip
def test_doubled(mem: str | None, expected: str | None) -> None:
    assert doubled(mem) == expected
