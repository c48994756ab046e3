"""One test for each row of the table that lets something be loaded; it fails where the row is switched off."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq import checkpoint_utils
from fairseq.distributed import utils as distributed_utils

from fairseq_xling_host.checkpoints import UnsafeCheckpointError


class Writes:
    """Unpickling this in the ordinary way runs a command that makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def old_checkpoint() -> dict[str, Any]:
    """A checkpoint as fairseq 0.9 wrote it: an argparse.Namespace beside the parameters."""
    return {
        "args": Namespace(
            arch="transformer", task="translation", criterion="cross_entropy", optimizer="adam", lr=[0.1]
        ),
        "model": {"weight": torch.arange(3.0)},
        "optimizer_history": [{"optimizer_name": "FairseqAdam", "lr_scheduler_state": {}, "num_updates": 7}],
        "extra_state": {"train_iterator": {"epoch": 1}},
        "last_optimizer_state": None,
    }


def test_safe_load(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    torch.save(old_checkpoint(), path)
    state = checkpoint_utils.load_checkpoint_to_cpu(str(path))
    assert state["args"].arch == "transformer"
    assert state["cfg"].task._name == "translation"
    assert state["model"]["weight"].tolist() == [0, 1, 2]
    written = tmp_path / "written"
    torch.save(old_checkpoint() | {"extra": Writes(written)}, path)
    with pytest.raises(UnsafeCheckpointError, match=f"{path} is refused: it asks for posix.system"):
        checkpoint_utils.load_checkpoint_to_cpu(str(path))
    assert not written.exists()


def test_safe_load_ema(tmp_path: Path) -> None:
    path = tmp_path / "ema.pt"
    torch.save(old_checkpoint() | {"extra_state": {"ema": {"weight": torch.arange(3.0)}}}, path)
    assert checkpoint_utils.load_ema_from_checkpoint(str(path))["model"]["weight"].tolist() == [0, 1, 2]
    written = tmp_path / "written"
    torch.save({"extra_state": {"ema": {"weight": Writes(written)}}}, path)
    with pytest.raises(UnsafeCheckpointError, match=str(path)):
        checkpoint_utils.load_ema_from_checkpoint(str(path))
    assert not written.exists()


def test_peer_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    wire: list[torch.Tensor] = []
    rank = 0

    def broadcast(tensor: torch.Tensor, src: int, group: object) -> None:
        if rank == src:
            wire.append(tensor.clone())
        else:
            tensor.copy_(wire.pop(0))

    monkeypatch.setattr(distributed_utils, "broadcast", broadcast)
    monkeypatch.setattr(distributed_utils, "get_rank", lambda group: rank)
    sent = {"args": Namespace(arch="transformer"), "weight": torch.arange(3.0), "path": Path("a")}
    cpu = torch.device("cpu")
    distributed_utils.broadcast_object(sent, src_rank=0, group=None, dist_device=cpu)
    rank = 1
    received = distributed_utils.broadcast_object(None, src_rank=0, group=None, dist_device=cpu)
    assert received["args"] == sent["args"]
    assert received["path"] == sent["path"]
    assert received["weight"].tolist() == [0, 1, 2]
