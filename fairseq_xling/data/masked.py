"""Text for masked pretraining: sentences by themselves, and sentence pairs joined to one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data import FairseqDataset, data_utils
from torch import Tensor

from fairseq_xling.data.sampling import Shares, temperature_shares

Ids = npt.NDArray[np.int64]


class MaskedText(FairseqDataset):
    """Rows of one data set (MLM), or of two that translate each other, joined (TLM: XLM, section 3.3)."""

    def __init__(self, sides: Sequence[FairseqDataset], pad: int) -> None:
        super().__init__()
        self.sides, self.pad = tuple(sides), pad
        lengths = np.sum([np.asarray(side.sizes) for side in self.sides], axis=0)
        # fairseq's sampled sets want two sizes an item.
        self.sizes = np.stack([lengths, lengths], axis=1)

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"id": index, "tokens": torch.cat([side[index].long() for side in self.sides])}

    def collater(self, samples: list[dict[str, Any]], **kwargs: Any) -> dict[str, Any]:
        """`net_input.src_tokens` [n, length], not yet masked."""
        if not samples:
            return {}
        rows: list[Tensor] = [sample["tokens"] for sample in samples]
        tokens = data_utils.collate_tokens(rows, self.pad, left_pad=False)
        return {
            "id": torch.tensor([sample["id"] for sample in samples]),
            "nsentences": len(samples),
            "ntokens": sum(len(row) for row in rows),
            "net_input": {"src_tokens": tokens, "src_lengths": torch.tensor([len(row) for row in rows])},
        }

    def num_tokens(self, index: int) -> int:
        return int(self.sizes[index, 0])

    def num_tokens_vec(self, indices: Ids) -> Ids:
        return self.sizes[indices, 0]

    def size(self, index: int) -> tuple[int, int]:
        return self.num_tokens(index), self.num_tokens(index)

    def ordered_indices(self) -> Ids:
        return np.argsort(self.sizes[:, 0], kind="stable")

    @property
    def supports_prefetch(self) -> bool:
        return False


def mixed_shares(monolingual: Sequence[int], pairs: Sequence[int], pair_share: float, temperature: float) -> Shares:
    """Share of each set in an epoch: pairs together `pair_share`, within either kind p ~ n^(1/T); sums to 1."""
    if not monolingual or not pairs:
        return temperature_shares([*monolingual, *pairs], temperature)
    return np.concatenate(
        [
            (1 - pair_share) * temperature_shares(monolingual, temperature),
            pair_share * temperature_shares(pairs, temperature),
        ]
    )
