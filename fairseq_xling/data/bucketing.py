"""Sentences of any length through a model, in batches of like length; row i stays sentence i."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data import data_utils
from torch import Tensor

VectorsOf = Callable[[Tensor], Tensor]


def length_batches(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Indices in batches that with padding hold at most `max_tokens` tokens, a longer sentence by itself.

    Longest first: what does not fit into memory shows at once, and the time left is never underestimated.
    """
    batch = list[int]()
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        # The first of a batch is its longest.
        if batch and lengths[batch[0]] * (len(batch) + 1) > max_tokens:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def padded(sentences: Sequence[Tensor], pad: int) -> Tensor:
    """[n, longest] int64, padded on the left, as fairseq pads sources."""
    return data_utils.collate_tokens(list(sentences), pad, left_pad=True)


def shortened(tokens: Tensor, longest: int) -> Tensor:
    """At most `longest` tokens of `x </s>`: the end of x goes, `</s>` stays."""
    return tokens if len(tokens) <= longest else torch.cat([tokens[: longest - 1], tokens[-1:]])


def vectors_in_batches(
    vectors_of: VectorsOf,
    sentences: Sequence[Tensor],
    pad: int,
    max_tokens: int,
    progress: Callable[[int], object] | None = None,
) -> npt.NDArray[np.float32]:
    """One vector a sentence, [n, dim] float32; `vectors_of` takes a padded batch [b, length] to [b, dim]."""
    found: npt.NDArray[np.float32] | None = None
    for batch in length_batches([len(sentence) for sentence in sentences], max_tokens):
        with torch.no_grad():
            rows = vectors_of(padded([sentences[i] for i in batch], pad)).float().cpu().numpy()
        if found is None:
            found = np.empty((len(sentences), rows.shape[1]), np.float32)
        found[batch] = rows
        if progress:
            progress(len(batch))
    if found is None:
        raise ValueError("there must be at least one sentence")
    return found
