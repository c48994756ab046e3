"""A small dual encoder's loss and gradients on one or several gloo processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, distributed, multiprocessing, nn

from fairseq_xling.nn.gather import gathered, summed
from fairseq_xling.nn.gradcache import in_chunks
from fairseq_xling.nn.ranking import Ranking, ranking_losses

PAIRS, FEATURES, DIM = 8, 6, 5


def tower() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(FEATURES, 9), nn.Tanh(), nn.Linear(9, DIM)).double()


@dataclass(frozen=True)
class Case:
    """How the eight pairs lie on the ranks, and how their loss is taken."""

    sizes: tuple[int, ...]
    hard: int = 0
    chunk: int | None = None
    share: bool = True


def two_ranks(folder: Path, cases: Sequence[Case]) -> list[dict[str, Tensor]]:
    """`loss` and every parameter's gradient of each case, summed over both ranks as training does, per pair."""
    multiprocessing.spawn(_rank, (folder, cases), nprocs=2)
    ranks = [torch.load(folder / f"{rank}.pt") for rank in range(2)]
    return [{name: (one[name] + other[name]) / PAIRS for name in one} for one, other in zip(*ranks, strict=True)]


def one_rank(hard: int) -> dict[str, Tensor]:
    """The same in this process alone."""
    return {name: value / PAIRS for name, value in loss_and_gradients(0, Case((PAIRS,), hard)).items()}


def _rank(rank: int, folder: Path, cases: Sequence[Case]) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    torch.save([loss_and_gradients(rank, case) for case in cases], folder / f"{rank}.pt")
    distributed.destroy_process_group()


def loss_and_gradients(rank: int, case: Case) -> dict[str, Tensor]:
    """What one rank computes of its pairs; the loss is a sum."""
    generator = torch.Generator().manual_seed(1)
    source, target = (torch.randn(PAIRS, FEATURES, generator=generator).double() for _ in range(2))
    more = torch.randn(PAIRS, case.hard, FEATURES, generator=generator).double() if case.hard else None
    ours = slice(sum(case.sizes[:rank]), sum(case.sizes[: rank + 1]))
    model = tower()

    def encode(*rows: Tensor | None) -> tuple[Tensor, ...]:
        return tuple(model(part) for part in rows if part is not None)

    rows = [part if part is None else part[ours] for part in (source, target, more)]
    vectors = in_chunks(encode, rows, case.chunk)
    ranking = Ranking(scale=10, margin=0.2, direction="both", combine="sum", share=case.share)
    loss = ranking_losses(vectors[0], vectors[1], ranking, vectors[2] if case.hard else None).sum()
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **gradients}


def gathered_rows(folder: Path, sizes: tuple[int, ...]) -> list[dict[str, Tensor]]:
    """What each of several ranks sees and is sent back: see `_gather`."""
    multiprocessing.spawn(_gather, (sizes, folder), nprocs=len(sizes))
    return [torch.load(folder / f"{rank}.pt") for rank in range(len(sizes))]


def _gather(rank: int, sizes: tuple[int, ...], folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=len(sizes))
    rows = torch.full((sizes[rank], 3), float(rank)).requires_grad_()
    everyone, start = gathered(rows)
    # Rank r weighs row i by (r + 1) (i + 1): the gradient of row i is the sum over the ranks.
    weights = (rank + 1) * torch.arange(1, len(everyone) + 1, dtype=torch.float32)
    (everyone * weights[:, None]).sum().backward()
    found = {"rows": everyone.detach(), "start": torch.tensor(start), "gradient": rows.grad}
    torch.save({**found, "summed": summed(torch.tensor([sizes[rank], 1]))}, folder / f"{rank}.pt")
    distributed.destroy_process_group()
