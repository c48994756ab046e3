"""Sentence pairs for a dual encoder: both sides as it reads them, with hard negatives where there are some."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data import FairseqDataset, data_utils
from torch import Tensor

Ids = npt.NDArray[np.int64]


class AlignedPairs(FairseqDataset):
    """Row i of `source` and of `target` translate each other; padded on the right, as BERT's sentences are."""

    def __init__(
        self,
        source: FairseqDataset,
        target: FairseqDataset,
        languages: tuple[int, int],
        pad: int,
        hard: Ids | None = None,
    ) -> None:
        super().__init__()
        self.source, self.target, self.languages, self.pad = source, target, languages, pad
        self.hard = hard
        """[n, k]: rows of `target` that are no translations of row i."""
        self.sizes = np.stack([np.asarray(source.sizes), np.asarray(target.sizes)], axis=1)

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = {"id": index, "source": self.source[index].long(), "target": self.target[index].long()}
        if self.hard is not None:
            item["hard"] = [self.target[row].long() for row in self.hard[index].tolist()]
        return {**item, "languages": self.languages}

    def collater(self, samples: list[dict[str, Any]], **kwargs: Any) -> dict[str, Any]:
        """`net_input.src_tokens` and `target` [n, length], `hard` [n, k, length] or None, `languages` [n, 2]."""
        if not samples:
            return {}
        source, target = (self._padded([sample[side] for sample in samples]) for side in ("source", "target"))
        hard = None
        if "hard" in samples[0]:
            flat = self._padded([tokens for sample in samples for tokens in sample["hard"]])
            hard = flat.view(len(samples), -1, flat.size(1))
        lengths = torch.tensor([len(sample["source"]) for sample in samples])
        return {
            "id": torch.tensor([sample["id"] for sample in samples]),
            "nsentences": len(samples),
            "ntokens": int(source.ne(self.pad).sum() + target.ne(self.pad).sum()),
            "net_input": {"src_tokens": source, "src_lengths": lengths},
            "target": target,
            "hard": hard,
            "languages": torch.tensor([sample["languages"] for sample in samples]),
        }

    def _padded(self, rows: list[Tensor]) -> Tensor:
        return data_utils.collate_tokens(rows, self.pad, left_pad=False)

    def num_tokens(self, index: int) -> int:
        return int(self.sizes[index].max())

    def num_tokens_vec(self, indices: Ids) -> Ids:
        return self.sizes[indices].max(axis=1)

    def size(self, index: int) -> tuple[int, int]:
        source, target = self.sizes[index]
        return int(source), int(target)

    def ordered_indices(self) -> Ids:
        """Short pairs first."""
        return np.lexsort((self.sizes[:, 1], self.sizes[:, 0]))

    @property
    def supports_prefetch(self) -> bool:
        return False
