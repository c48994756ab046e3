"""Models, dictionaries and batches of a few dimensions, for tests that need no training."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

import torch
from fairseq.data import Dictionary
from fairseq.models import ARCH_CONFIG_REGISTRY
from fairseq.models.bart import BARTModel
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from fairseq_xling.data.language_tokens import LanguageTokens, complete_dictionary
from fairseq_xling.models.criss import CrissModel
from fairseq_xling.tasks._criss_options import CrissTaskConfig

LANGUAGES = ("aa", "bb", "cc")


def dictionary(words: int = 20, languages: Sequence[str] | None = LANGUAGES) -> Dictionary:
    """Symbols w0, w1, …, then the language tokens and `<mask>` unless `languages` is None."""
    found = Dictionary()
    for number in range(words):
        found.add_symbol(f"w{number}")
    if languages is not None:
        complete_dictionary(found, list(languages), "the test's dictionary")
    return found


def language_tokens(style: str = "none") -> LanguageTokens:
    """The tokens of `dictionary()`."""
    return LanguageTokens(dictionary(), LANGUAGES, style)


def options(arch: str = "criss_tiny", **others: object) -> Namespace:
    """An architecture's options with 16 dimensions, 2 + 2 layers, 2 heads and without dropout unless said otherwise."""
    small = {"encoder_embed_dim": 16, "decoder_embed_dim": 16, "encoder_layers": 2, "decoder_layers": 2}
    small |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_source_positions": 64}
    small |= {"max_target_positions": 64, "dropout": 0.0, "arch": arch, "task": "criss"}
    args = Namespace(**{**small, **others})
    ARCH_CONFIG_REGISTRY[arch](args)
    return args


def model(args: Namespace | None = None, symbols: Dictionary | None = None, seed: int = 1) -> CrissModel:
    """A CrissModel with the initial weights of a seed, in eval mode."""
    torch.manual_seed(seed)
    return CrissModel.build_model(args or options(), _task(symbols or dictionary())).eval()


def stock_model(args: Namespace | None = None, symbols: Dictionary | None = None, seed: int = 1) -> BARTModel:
    """fairseq's own mBART of the same shape."""
    torch.manual_seed(seed)
    return BARTModel.build_model(args or options(), _task(symbols or dictionary())).eval()


def _task(symbols: Dictionary) -> Namespace:
    return Namespace(source_dictionary=symbols, target_dictionary=symbols)


def sentences(lengths: Sequence[int], symbols: Dictionary, seed: int = 3) -> list[Tensor]:
    """Random `x </s>` of the given numbers of words."""
    generator = torch.Generator().manual_seed(seed)
    words = [torch.randint(4, 24, (length,), generator=generator) for length in lengths]
    return [torch.cat([ids, torch.tensor([symbols.eos()])]) for ids in words]


def padded(rows: Sequence[Tensor], pad: int, left: bool = True, extra: int = 0) -> Tensor:
    """Rows of different lengths as one tensor, written out: pads before the tokens, or behind them."""
    width = max(len(row) for row in rows) + extra
    lines = []
    for row in rows:
        pads = [pad] * (width - len(row))
        lines.append(pads + row.tolist() if left else row.tolist() + pads)
    return torch.tensor(lines)


def task_options(folder: str, **others: object) -> DictConfig:
    """The task's options with what fairseq fills in from the rest of a configuration."""
    filled = {
        "train_subset": "train",
        "valid_subset": "valid",
        "dataset_impl": "raw",
        "required_seq_len_multiple": 1,
        "seed": 1,
    }
    filled |= {"save_dir": None, "restore_file": "checkpoint_last.pt", "finetune_from_model": None}
    return OmegaConf.structured(CrissTaskConfig(data=folder, **{**filled, **others}))
