"""Dual encoders and sentence pairs of a few dimensions, for tests that need no training."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

import torch
from fairseq.data import Dictionary
from fairseq.models import ARCH_CONFIG_REGISTRY
from torch import Tensor

from fairseq_xling.models.dual_encoder import DualEncoderModel
from fairseq_xling.nn.pair_batch import PairBatch

WORDS = 20
LANGUAGES = ("aa", "bb")


def dictionary() -> Dictionary:
    """w0, w1, …, and `<mask>`, as XLM-R's."""
    found = Dictionary()
    for number in range(WORDS):
        found.add_symbol(f"w{number}")
    found.add_symbol("<mask>")
    return found


def options(**others: object) -> Namespace:
    """dual_encoder_tiny with 16 dimensions, 3 layers, 2 heads and without dropout unless said otherwise."""
    small = {"encoder_embed_dim": 16, "encoder_layers": 3, "encoder_attention_heads": 2, "max_positions": 40}
    small |= {"dropout": 0.0, "attention_dropout": 0.0, "arch": "dual_encoder_tiny"}
    args = Namespace(**{**small, **others})
    ARCH_CONFIG_REGISTRY["dual_encoder_tiny"](args)
    return args


def model(seed: int = 1, symbols: Dictionary | None = None, **others: object) -> DualEncoderModel:
    """With the initial weights of a seed, in eval mode."""
    torch.manual_seed(seed)
    task = Namespace(source_dictionary=symbols or dictionary(), languages=LANGUAGES)
    return DualEncoderModel.build_model(options(**others), task).eval()


def sentences(lengths: Sequence[int], symbols: Dictionary, seed: int = 3) -> list[Tensor]:
    """Random `<s> x </s>` of the given numbers of words."""
    generator = torch.Generator().manual_seed(seed)
    ends = torch.tensor([symbols.bos()]), torch.tensor([symbols.eos()])
    return [torch.cat([ends[0], torch.randint(4, 4 + WORDS, (n,), generator=generator), ends[1]]) for n in lengths]


def padded(rows: Sequence[Tensor], pad: int, left: bool = False, extra: int = 0) -> Tensor:
    """Rows of different lengths as one tensor, written out."""
    width = max(len(row) for row in rows) + extra
    lines = []
    for row in rows:
        pads = [pad] * (width - len(row))
        lines.append(pads + row.tolist() if left else row.tolist() + pads)
    return torch.tensor(lines)


def pairs(symbols: Dictionary, **more: object) -> tuple[Tensor, PairBatch]:
    """Four pairs: the sources, and the rest."""
    source = padded(sentences([3, 6, 2, 5], symbols), symbols.pad())
    target = padded(sentences([4, 4, 3, 7], symbols, seed=4), symbols.pad())
    return source, PairBatch(target, **more)  # type: ignore[arg-type]
