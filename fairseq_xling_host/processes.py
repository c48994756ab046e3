"""Which devices and how many processes a stock command uses where there is no GPU: correct, or refused."""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, NoReturn

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1  # Linux: the signal that a process gets when its parent ends

TORCHRUN = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK")
FUSED_COPIES = tuple(f"{part}_{kind}" for part in ("in_proj", "out_proj", "fc1", "fc2") for kind in ("weight", "bias"))


def prepare(cfg: Any, main: Callable[..., Any]) -> None:
    """Settle precision, backend and address in `cfg` before `main` reads them; changes nothing on a GPU or TPU."""
    if not on_cpu(cfg):
        return
    if main.__module__ == "fairseq_cli.train" and cfg.common.fp16 and not cfg.common.memory_efficient_fp16:
        # Only training: the other commands compute in half precision on a CPU, slowly but rightly.
        refuse("training with --fp16 needs a CUDA device, and this run is on the CPU. Leave it out, or use --bf16.")
    distributed = cfg.distributed_training
    if distributed.distributed_backend == "nccl":
        # The default; it speaks to GPUs only.
        distributed.distributed_backend = "gloo"
    if (
        distributed.distributed_world_size > 1
        and distributed.distributed_init_method is None
        and distributed.distributed_port <= 0
        and not all(name in os.environ for name in TORCHRUN)
    ):
        distributed.distributed_init_method = f"tcp://localhost:{free_port()}"
        logger.info("training on %d CPU processes of this machine", distributed.distributed_world_size)


def local_processes(cfg: Any, start_rank: int) -> int:
    """How many ranks to start on this machine, from `start_rank` on.

    With GPUs as fairseq does: one for each, at most the world size. Without: --nprocs-per-node where it is set, else
    all of them, since fairseq's own count of devices would start none and report success.
    """
    import torch

    world = int(cfg.distributed_training.distributed_world_size)
    if not on_cpu(cfg):
        return min(torch.cuda.device_count(), world)
    asked = int(cfg.distributed_training.nprocs_per_node)
    here = asked if asked > 1 else world
    if start_rank + here > world:
        refuse(
            f"--distributed-rank {start_rank} with {here} processes on this machine exceeds --distributed-world-size "
            f"{world}. Set --nprocs-per-node, or start each rank with torchrun or --distributed-no-spawn."
        )
    return here


def end_with_parent() -> None:
    """Let a spawned rank end when the command that spawned it does, even by kill -9; on Linux only.

    torch asks for an interrupt, which a rank that waits for another one inside gloo or NCCL never notices.
    """
    parent = multiprocessing.parent_process()
    if parent is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent.pid:  # it has ended already
        os._exit(1)


def refuse_lone_rank(cfg: Any) -> None:
    """Stop a run that asked for several ranks and found no way to start them: alone it would train on its own."""
    world = cfg.distributed_training.distributed_world_size
    if world > 1 and not cfg.common.tpu:
        refuse(
            f"--distributed-world-size is {world}, but no way to reach the other ranks was found (--distributed-port "
            "works under SLURM only). Set --distributed-init-method, use torchrun, or leave out --distributed-port."
        )


def leave_fused_copies(model: Any) -> Any:
    """`model`, with the parameters that its encoder layers keep for the fused call out of DistributedDataParallel.

    They are copies filled when a checkpoint is loaded and take no part in training, for which DDP ends the run.
    """
    from torch.nn.parallel import DistributedDataParallel

    layers = [name for name, layer in model.named_modules() if hasattr(layer, "load_to_BT")]
    names = [f"{layer}.{copy}" for layer in layers for copy in FUSED_COPIES]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, names)  # type: ignore[no-untyped-call]
    return model


def on_cpu(cfg: Any) -> bool:
    """True where fairseq will compute on the CPU."""
    import torch

    return bool(cfg.common.cpu or not torch.cuda.is_available()) and not cfg.common.tpu


def free_port() -> int:
    """A TCP port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def refuse(message: str) -> NoReturn:
    """End the command as argparse does: one line on stderr, exit status 2."""
    sys.stderr.write(f"{os.path.basename(sys.argv[0])}: error: {message}\n")
    raise SystemExit(2)
