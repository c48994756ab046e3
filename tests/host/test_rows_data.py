"""One test for each row of the table that mends data: it fails where the row is switched off (disable_each_row.py)."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import torch
from fairseq.data import Dictionary, LanguagePairDataset, TokenBlockDataset, data_utils
from fairseq.data.huffman import HuffmanCodeBuilder
from fairseq.modules.dynamic_crf_layer import DynamicCRF


def test_numpy_int() -> None:
    mask = data_utils.compute_mask_indices((2, 40), None, 0.5, 4, no_overlap=True, min_masks=1)
    assert mask.dtype == bool
    assert all(row.sum() >= 4 for row in mask)


def test_numpy_float() -> None:
    torch.manual_seed(1)
    crf = DynamicCRF(num_embedding=5, beam_size=5)
    emissions, targets = torch.randn(1, 3, 5), torch.tensor([[0, 3, 1]])
    masks = torch.ones(1, 3, dtype=torch.bool)
    # With a beam as wide as the vocabulary the scores of all 5^3 target sequences are those of a distribution.
    paths = torch.cartesian_prod(*[torch.arange(5)] * 3)
    scores = crf(emissions.expand(len(paths), -1, -1), paths, masks.expand(len(paths), -1))
    assert torch.isclose(scores.exp().sum(), torch.tensor(1.0), atol=1e-4)
    assert torch.isclose(crf(emissions, targets, masks)[0], scores[(paths == targets).all(1)][0], atol=1e-4)


def test_numpy_long_blocks() -> None:
    sentences = [torch.tensor([4, 5, 2]), torch.tensor([6, 2])]
    blocks = TokenBlockDataset(sentences, [3, 2], None, pad=1, eos=2, break_mode="eos")
    assert [block.tolist() for block in blocks] == [[4, 5, 2], [6, 2]]


def test_numpy_percentile() -> None:
    # Each bucket ends at a size that occurs: the largest of its quarter of the sorted sizes.
    assert data_utils.get_buckets(np.array([9, 1, 5, 3, 7]), 4).tolist() == [3, 5, 7, 9]


def test_numpy_long_buckets() -> None:
    dictionary = Dictionary()
    sizes = np.array([2, 3, 7, 8])
    sentences = [torch.full((size,), 4) for size in sizes]
    pairs = LanguagePairDataset(sentences, sizes, dictionary, sentences, sizes, dictionary, num_buckets=2)
    assert pairs.bucketed_num_tokens.tolist() == [3, 3, 8, 8]


def test_bitarray_rindex() -> None:
    builder = HuffmanCodeBuilder()
    builder.add_symbols(*"abracadabra")
    coder = builder.build_code()
    for text in ("a", "abra", "cadabra" * 5):
        assert [node.symbol for node in coder.decode(coder.encode(list(text)))] == list(text)


def test_reader_at_exit() -> None:
    """A reader that is inside one of torch's calls when the process ends: each takes most of its time."""
    code = """
import torch
from fairseq.data.iterators import BufferedIterator
class Batches(list):
    def __iter__(self):
        matrix = torch.ones(1500, 1500)
        while True:
            yield matrix @ matrix
print(next(BufferedIterator(1000, Batches([0] * 1000))).shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("torch.Size([1500, 1500])")) == (0, 1), done.stderr
