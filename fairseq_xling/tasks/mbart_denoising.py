"""mBART's pretraining as fairseq's multilingual_denoising, so that a run cut short goes on with the very same noise."""

import torch
from fairseq.data import BaseWrapperDataset
from fairseq.tasks import register_task
from fairseq.tasks.multilingual_denoising import MultilingualDenoisingTask

from fairseq_xling.criterions.token_loss import of_tokens


@register_task("mbart_denoising")
class MBartDenoisingTask(MultilingualDenoisingTask):
    """fairseq draws masks from torch's generator as it stands, which after a restart is another one.

    Here each sample has its own seed, and the order of an epoch does not depend on which epoch was loaded first.
    """

    def build_criterion(self, args: object) -> object:
        return of_tokens(super().build_criterion(args))

    def load_dataset(self, split: str, epoch: int = 1, combine: bool = False, **options: object) -> None:
        # fairseq loads once and then only sets the epoch; where DATA has shards, it loads every epoch's own.
        first = epoch if self.has_sharded_data(split) else 1
        super().load_dataset(split, first, combine, **options)
        self.datasets[split] = SeededDataset(self.datasets[split], self.args.seed, first)
        self.datasets[split].set_epoch(epoch)


class SeededDataset(BaseWrapperDataset):
    """The same samples, whichever process takes them in whichever order."""

    def __init__(self, dataset: object, seed: int, epoch: int) -> None:
        super().__init__(dataset)
        self.seed, self.epoch = seed, epoch

    def __getitem__(self, index: int) -> object:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(hash((self.seed, self.epoch, int(index))))  # of integers, so the same everywhere
            return self.dataset[index]

    def set_epoch(self, epoch: int) -> None:
        super().set_epoch(epoch)
        self.epoch = epoch
