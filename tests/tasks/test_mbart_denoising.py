"""The noise of a sample depends on seed, epoch and sample, not on what was drawn before."""

from __future__ import annotations

import torch
from fairseq.data import FairseqDataset
from fairseq.tasks import TASK_REGISTRY
from fairseq.tasks.multilingual_denoising import MultilingualDenoisingTask

from fairseq_xling.tasks.mbart_denoising import MBartDenoisingTask, SeededDataset


class Drawing(FairseqDataset):
    """Samples that are drawn from torch's generator, as fairseq's masks are."""

    epoch = 0

    def __getitem__(self, index: int) -> list[float]:
        return [float(index), *torch.rand(3).tolist()]

    def __len__(self) -> int:
        return 5

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch


def test_same_sample_in_any_order() -> None:
    data = SeededDataset(Drawing(), 1, 1)
    forward = [data[index] for index in range(5)]
    torch.rand(17)
    assert [data[index] for index in reversed(range(5))] == forward[::-1]
    assert len({tuple(sample[1:]) for sample in forward}) == 5


def test_another_seed_or_epoch_is_other_noise() -> None:
    inner = Drawing()
    data = SeededDataset(inner, 1, 1)
    first = data[2]
    assert SeededDataset(Drawing(), 2, 1)[2] != first
    data.set_epoch(2)
    assert inner.epoch == 2
    assert data[2] != first
    assert SeededDataset(Drawing(), 1, 2)[2] == data[2]


def test_torchs_generator_is_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2).tolist()
    torch.manual_seed(3)
    assert SeededDataset(Drawing(), 1, 1)[0]
    assert torch.rand(2).tolist() == expected


def test_all_else_is_fairseqs() -> None:
    assert TASK_REGISTRY["mbart_denoising"] is MBartDenoisingTask
    assert issubclass(MBartDenoisingTask, MultilingualDenoisingTask)
