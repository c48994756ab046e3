"""USR1: a driver makes way for its successor."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from fairseq_xling.rounds.handover import TO_BE_CONTINUED, HandOver


def test_usr1_leaves_once_with_a_code_of_its_own() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with HandOver() as hand_over:
        assert not hand_over.is_due
        with pytest.raises(SystemExit) as left:
            signal.raise_signal(signal.SIGUSR1)
        assert left.value.code == TO_BE_CONTINUED
        assert hand_over.is_due
        os.kill(os.getpid(), signal.SIGUSR1)  # a second one must not interrupt the leaving
    assert signal.getsignal(signal.SIGUSR1) == before


def test_other_threads_may_drive_too() -> None:
    seen = []

    def drive() -> None:
        with HandOver() as hand_over:
            seen.append(hand_over.is_due)

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join()
    assert seen == [False]


def test_the_script_requeues_on_that_code(root: os.PathLike[str]) -> None:
    with open(f"{root}/slurm/iterate.sh", encoding="utf-8") as stream:
        assert f'case "$code" in {TO_BE_CONTINUED} | {128 + signal.SIGUSR1}) exec scontrol requeue' in stream.read()
