"""Sentences of any length through a model, in batches of like length; row i stays sentence i."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt
import torch
from fairseq.data import data_utils
from torch import Tensor

from fairseq_xling.neighbours.threads import on_all_cores
from fairseq_xling.nn.runs import Joined, join

VectorsOf = Callable[[Joined], Tensor]

# Tokens of a batch to encode: few, whose states stay in the caches of a core, or enough to fill a GPU.
CPU_TOKENS, DEVICE_TOKENS = 1024, 16384


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


def joined_batches(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """The same without padding: at most `max_tokens` tokens in all, sentences of one length side by side."""
    batch, tokens = list[int](), 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and tokens + lengths[index] > max_tokens:
            yield batch
            batch, tokens = [], 0
        batch.append(index)
        tokens += lengths[index]
    if batch:
        yield batch


def batch_tokens(device: torch.device) -> int:
    """Tokens of a batch to encode where nobody says how many."""
    return CPU_TOKENS if device.type == "cpu" else DEVICE_TOKENS


def vectors_in_batches(
    vectors_of: VectorsOf,
    sentences: Sequence[Tensor],
    pad: int,
    max_tokens: int | None = None,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - never changed
    progress: Callable[[int], object] | None = None,
) -> npt.NDArray[np.float32]:
    """One vector a sentence, [n, dim] float32; `vectors_of` takes sentences on `device` to [n, dim].

    On a CPU every core takes batches of its own, so that the number of cores decides nothing about a vector.
    """
    if not sentences:
        raise ValueError("there must be at least one sentence")
    if torch.cat(list(sentences)).eq(pad).any():  # a line may say `<pad>`; it is nobody's token
        sentences = [sentence[sentence.ne(pad)] for sentence in sentences]
    batches = list(joined_batches([len(sentence) for sentence in sentences], max_tokens or batch_tokens(device)))
    found: list[npt.NDArray[np.float32]] = []
    storing = Lock()

    def encode(number: int) -> None:
        batch = batches[number]
        with torch.inference_mode():
            rows = vectors_of(join([sentences[i] for i in batch]).to(device)).float().cpu().numpy()
        with storing:
            if not found:
                found.append(np.empty((len(sentences), rows.shape[1]), np.float32))
            found[0][batch] = rows
            if progress:
                progress(len(batch))

    on_all_cores(encode, range(len(batches)), torch.get_num_threads() if device.type == "cpu" else 1)
    return found[0]
