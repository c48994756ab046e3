"""How many processes start on a machine without a GPU, and what is refused there."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fairseq_xling_host import processes


def training(cfg: Any) -> None:
    """Stands for fairseq_cli.train.main, which is known by the name of its module."""


training.__module__ = "fairseq_cli.train"


def other(cfg: Any) -> None:
    """Stands for the main function of any other command."""


def config(**changed: Any) -> Any:
    common = {"cpu": True, "tpu": False, "fp16": False, "memory_efficient_fp16": False}
    distributed = {
        "distributed_backend": "nccl",
        "distributed_world_size": 1,
        "distributed_init_method": None,
        "distributed_port": -1,
        "nprocs_per_node": 1,
    }
    assert set(changed) <= set(common) | set(distributed)
    return SimpleNamespace(
        common=SimpleNamespace(**{key: changed.get(key, value) for key, value in common.items()}),
        distributed_training=SimpleNamespace(**{key: changed.get(key, value) for key, value in distributed.items()}),
    )


@pytest.fixture(autouse=True)
def no_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in processes.TORCHRUN:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("asked", "start_rank", "started"),
    [
        ({"distributed_world_size": 1}, 0, 1),
        ({"distributed_world_size": 4}, 0, 4),
        ({"distributed_world_size": 4, "nprocs_per_node": 2}, 0, 2),
        ({"distributed_world_size": 4, "nprocs_per_node": 2}, 2, 2),
    ],
)
def test_processes_started(asked: dict[str, int], start_rank: int, started: int) -> None:
    assert processes.local_processes(config(**asked), start_rank) == started


@pytest.mark.parametrize(
    ("asked", "start_rank"),
    [({"distributed_world_size": 2}, 1), ({"distributed_world_size": 4, "nprocs_per_node": 3}, 2)],
)
def test_more_ranks_than_the_world_has_are_refused(
    asked: dict[str, int], start_rank: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        processes.local_processes(config(**asked), start_rank)
    assert f"--distributed-rank {start_rank} with" in capsys.readouterr().err


def test_on_a_gpu_fairseq_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    cfg = config(cpu=False, fp16=True, distributed_world_size=8)
    processes.prepare(cfg, training)
    assert cfg == config(cpu=False, fp16=True, distributed_world_size=8)
    assert processes.local_processes(cfg, 0) == 3
    # --cpu on a machine with GPUs is the CPU.
    assert processes.local_processes(config(distributed_world_size=8), 0) == 8


def test_an_address_is_found_for_ranks_of_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = config(distributed_world_size=2)
    processes.prepare(cfg, training)
    assert cfg.distributed_training.distributed_backend == "gloo"
    port = int(cfg.distributed_training.distributed_init_method.removeprefix("tcp://localhost:"))
    assert 1024 <= port < 65536
    for given in ({"distributed_init_method": "tcp://n1:1"}, {"distributed_port": 9}, {"distributed_world_size": 1}):
        cfg = config(**{"distributed_world_size": 2} | given)
        processes.prepare(cfg, training)
        assert cfg.distributed_training.distributed_init_method == given.get("distributed_init_method")
    for name in processes.TORCHRUN:
        monkeypatch.setenv(name, "1")
    cfg = config(distributed_world_size=2)
    processes.prepare(cfg, training)
    assert cfg.distributed_training.distributed_init_method is None


def test_a_backend_that_was_chosen_stays() -> None:
    cfg = config(distributed_backend="mpi")
    processes.prepare(cfg, training)
    assert cfg.distributed_training.distributed_backend == "mpi"


@pytest.mark.parametrize(
    ("main", "asked", "refused"),
    [
        (training, {"fp16": True}, True),
        (training, {"fp16": True, "memory_efficient_fp16": True}, False),
        (training, {}, False),
        (other, {"fp16": True}, False),
    ],
)
def test_half_precision(main: Any, asked: dict[str, bool], refused: bool, capsys: pytest.CaptureFixture[str]) -> None:
    if refused:
        with pytest.raises(SystemExit, match="2"):
            processes.prepare(config(**asked), main)
        assert capsys.readouterr().err.count("\n") == 1
    else:
        processes.prepare(config(**asked), main)


def test_a_lone_rank() -> None:
    processes.refuse_lone_rank(config())
    processes.refuse_lone_rank(config(tpu=True, distributed_world_size=8))
    with pytest.raises(SystemExit, match="2"):
        processes.refuse_lone_rank(config(distributed_world_size=2))


def _hold_on(told: Any) -> None:
    processes.end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told.send(os.getpid())
    time.sleep(600)


def _start_one(told: Any) -> None:
    multiprocessing.get_context("spawn").Process(target=_hold_on, args=(told,)).start()
    time.sleep(600)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process that its parent has ended")
def test_a_spawned_process_ends_with_its_parent() -> None:
    context = multiprocessing.get_context("spawn")
    hears, told = context.Pipe(duplex=False)
    parent = context.Process(target=_start_one, args=(told,))
    parent.start()
    assert hears.poll(60)
    rank = Path(f"/proc/{hears.recv()}")
    parent.kill()
    parent.join()
    end = time.monotonic() + 30
    while rank.exists() and "\nState:\tZ" not in (rank / "status").read_text():
        assert time.monotonic() < end, "it goes on"
        time.sleep(0.02)


def test_a_process_that_nobody_spawned_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes.ctypes, "CDLL", lambda name: pytest.fail("it was to be left alone"))
    processes.end_with_parent()
