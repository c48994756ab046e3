"""How often each pair of languages is seen: sampling with a temperature, and batches that keep pairs apart."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data import FairseqDataset, SampledMultiDataset, data_utils

from fairseq_xling.languages import Pair

Indices = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


def temperature_shares(sizes: Sequence[int], temperature: float) -> Shares:
    """Share of each data set in an epoch, p ~ n^(1/T): T=1 as they are, T→∞ all alike (CRISS, section 4.1: T=1)."""
    raised = np.asarray(sizes, dtype=np.float64) ** (1.0 / temperature)
    return raised / raised.sum()


class SampledSets(SampledMultiDataset):
    """One epoch: as many items as there are, mixed in every batch; drawn from seed and epoch alone.

    Without `shares` each item is taken once. Otherwise a set that is to be seen n times as often as it has items is
    seen in whole passes and a rest without repetition, where fairseq's own class draws with replacement.
    """

    def __init__(
        self, sets: Mapping[str, FairseqDataset], shares: Shares | None, seed: int, epoch: int, split: str
    ) -> None:
        super().__init__(
            OrderedDict(sets),
            sampling_ratios=shares,
            seed=seed,
            epoch=epoch,
            virtual_size=sum(len(dataset) for dataset in sets.values()),
            split=split,
            shared_collater=True,
        )

    def random_choice_in_dataset(
        self, rng: np.random.RandomState, dataset: FairseqDataset, choice_size: int
    ) -> Indices:
        passes, rest = divmod(int(choice_size), len(dataset))
        whole = [np.arange(len(dataset))] * passes
        return np.concatenate([*whole, rng.permutation(len(dataset))[:rest]]).astype(np.int64)


class SampledDirections(SampledSets):
    """Sentence pairs of all directions; T=1 takes each of them once."""

    def __init__(
        self, directions: Mapping[Pair, FairseqDataset], temperature: float, seed: int, epoch: int, split: str
    ) -> None:
        sizes = [len(dataset) for dataset in directions.values()]
        shares = None if temperature == 1 else temperature_shares(sizes, temperature)
        super().__init__({str(d): dataset for d, dataset in directions.items()}, shares, seed, epoch, split)


class SeparateDirections(FairseqDataset):
    """Directions one after the other: a batch is of one direction, whose number it carries as `direction`.

    Ids count on from direction to direction.
    """

    def __init__(self, directions: Mapping[Pair, FairseqDataset]) -> None:
        super().__init__()
        self.directions = tuple(directions)
        self.datasets = list(directions.values())
        self.starts = np.cumsum([0, *(len(dataset) for dataset in self.datasets)])
        self.sizes = np.concatenate([dataset.sizes for dataset in self.datasets])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def _place(self, index: int) -> tuple[int, int]:
        direction = int(np.searchsorted(self.starts, index, side="right")) - 1
        return direction, int(index - self.starts[direction])

    def __getitem__(self, index: int) -> dict[str, Any]:
        direction, within = self._place(index)
        return {**self.datasets[direction][within], "id": index, "direction": direction}

    def collater(self, samples: list[dict[str, Any]], **kwargs: Any) -> dict[str, Any]:
        """A batch as LanguagePairDataset makes it, with `direction`, a scalar."""
        batch = self.datasets[0].collater(samples, **kwargs)
        if batch:
            batch["direction"] = torch.tensor(samples[0]["direction"])
        return batch

    def num_tokens(self, index: int) -> int:
        return int(self.sizes[index].max())

    def num_tokens_vec(self, indices: Indices) -> Indices:
        return self.sizes[indices].max(axis=1)

    def size(self, index: int) -> tuple[int, int]:
        source, target = self.sizes[index]
        return int(source), int(target)

    def ordered_indices(self) -> Indices:
        """Direction by direction, short sentences first."""
        parts = [dataset.ordered_indices() + start for dataset, start in zip(self.datasets, self.starts, strict=False)]
        return np.concatenate(parts)

    def filter_indices_by_size(self, indices: Indices, max_sizes: Any) -> tuple[Indices, list[int]]:
        return data_utils.filter_paired_dataset_indices_by_size(self.sizes[:, 0], self.sizes[:, 1], indices, max_sizes)

    def batch_by_size(self, indices: Indices, **limits: Any) -> list[Any]:
        """fairseq's batches within each direction."""
        place = np.searchsorted(self.starts, indices, side="right") - 1
        batches = list[Any]()
        for direction in range(len(self.datasets)):
            within = indices[place == direction]
            if len(within):
                batches.extend(super().batch_by_size(within, **limits))
        return batches

    @property
    def supports_prefetch(self) -> bool:
        return False
