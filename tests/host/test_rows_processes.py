"""One test for each row of the table about CPUs and several processes; it fails where the row is switched off."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq import options
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.distributed import utils as distributed_utils
from fairseq.models.distributed_fairseq_model import DistributedFairseqModel
from fairseq.models.transformer import TransformerConfig
from fairseq.modules.transformer_layer import TransformerEncoderLayerBase
from fairseq_cli import train
from torch import distributed

from fairseq_xling_host import processes

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are about machines without one; the tests mean the same where there is one."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    for name in ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)


def config(*arguments: str) -> Any:
    parser = options.get_training_parser()
    return convert_namespace_to_omegaconf(options.parse_args_and_arch(parser, ["data", "--arch", "fconv", *arguments]))


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The calls of torch.multiprocessing.spawn, which starts nothing here."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(torch.multiprocessing, "spawn", lambda **call: calls.append(call))
    return calls


@pytest.mark.parametrize("more", [(), ("--distributed-init-method", "tcp://localhost:29999")])
def test_cpu_processes(spawned: list[dict[str, Any]], more: tuple[str, ...]) -> None:
    cfg = config("--distributed-world-size", "2", *more)
    distributed_utils.call_main(cfg, train.main)
    assert [call["nprocs"] for call in spawned] == [2]
    assert spawned[0]["args"][2] == {"start_rank": 0}
    assert cfg.distributed_training.distributed_backend == "gloo"
    assert cfg.distributed_training.distributed_init_method.startswith("tcp://localhost:")


def test_cpu_processes_refuses_half_precision(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        distributed_utils.call_main(config("--fp16"), train.main)
    assert "error: training with --fp16 needs a CUDA device" in capsys.readouterr().err


def test_cpu_processes_refuses_a_rank_that_is_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        distributed_utils.call_main(config("--distributed-world-size", "2", "--distributed-port", "29999"), train.main)
    assert "--distributed-world-size is 2, but no way to reach the other ranks" in capsys.readouterr().err


def test_orphaned_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    done = list[str]()
    monkeypatch.setattr(processes, "end_with_parent", lambda: done.append("bound to its parent"))
    monkeypatch.setattr(distributed_utils, "distributed_init", lambda cfg: 0)
    distributed_utils.distributed_main(0, lambda cfg: done.append("trained"), config(), {})
    assert done == ["bound to its parent", "trained"]


def test_slurm_without_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two CPU nodes with one task each: this is the second."""
    scontrol = tmp_path / "scontrol"
    scontrol.write_text("#!/bin/sh\necho n1\necho n2\n", encoding="utf-8")
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    job = {"STEP_NODELIST": "n[1-2]", "NNODES": "2", "NTASKS": "2", "NODEID": "1", "PROCID": "1", "LOCALID": "0"}
    for name, value in job.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE", raising=False)
    own = config("--distributed-world-size", "2", "--distributed-port", "29999").distributed_training
    distributed_utils.infer_init_method(own)
    assert (own.distributed_world_size, own.distributed_rank, own.distributed_no_spawn) == (2, 1, True)
    assert own.distributed_init_method == "tcp://n1:29999"
    wrong = config("--distributed-world-size", "5", "--distributed-port", "29999").distributed_training
    with pytest.raises(AssertionError, match="--distributed-world-size must be 2, the number of SLURM tasks"):
        distributed_utils.infer_init_method(wrong)


@pytest.fixture
def lone_group(tmp_path: Path) -> Iterator[Any]:
    """A gloo group with one rank, which goes the way that groups of many go."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield distributed.group.WORLD
    distributed.destroy_process_group()
    # fairseq keeps these on its functions for as long as the process lives.
    vars(distributed_utils.get_global_group).pop("_global_group", None)
    for name in ("_buffer", "_cpu_buffer"):
        vars(distributed_utils.all_gather_list).pop(name, None)


def test_cpu_gather(lone_group: Any) -> None:
    assert distributed_utils.all_gather_list({"nsentences": 3}) == [{"nsentences": 3}]


def test_cpu_ddp(lone_group: Any) -> None:
    wrapped = DistributedFairseqModel(config().distributed_training, torch.nn.Linear(2, 1), lone_group, CPU)
    wrapped(torch.ones(3, 2)).sum().backward()
    assert wrapped.weight.grad.tolist() == [[3, 3]]


def test_ddp_fused_copies(lone_group: Any) -> None:
    configuration = TransformerConfig()
    configuration.encoder.embed_dim = configuration.encoder.ffn_embed_dim = 8
    layer = TransformerEncoderLayerBase(configuration)
    wrapped = DistributedFairseqModel(config().distributed_training, layer, lone_group, CPU)
    for _ in range(2):  # DistributedDataParallel complains of what was left out when the next batch comes
        wrapped(torch.randn(4, 3, 8), None).sum().backward()
    assert layer.fc1.weight.grad is not None
    assert layer.fc1_weight.grad is None


def test_cpu_overflow(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A loss scale far too large overflows at once; the update is skipped and training goes on."""
    words = ["--task", "dummy_lm", "--dict-size", "9", "--tokens-per-sample", "4", "--dataset-size", "8"]
    words += ["--batch-size", "8", "--disable-validation", "--no-save", "--max-update", "1", "--optimizer", "adam"]
    words += ["--decoder-layers", "1", "--decoder-embed-dim", "8", "--decoder-attention-heads", "1", "--lr", "0.1"]
    words += ["--memory-efficient-fp16", "--fp16-init-scale", str(2**30), "--save-dir", str(tmp_path)]
    parser = options.get_training_parser()
    args = options.parse_args_and_arch(parser, ["--arch", "transformer_lm", *words])
    with caplog.at_level(logging.INFO):
        train.main(convert_namespace_to_omegaconf(args))
    assert "gradient overflow detected" in caplog.text
