"""Checkpoints as mBART cc25 and CRISS were released in 2020, at a few dimensions: their keys, Namespace and format.

The real files were not at hand. What is reproduced: `args` as a flat Namespace and no `cfg`, weights without version
buffers and without an output projection, embedding rows = types + 25 language tokens + `<mask>`, torch's file format of
before 1.6.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from fairseq.data import Dictionary
from references import small_criss

from fairseq_xling.data.language_tokens import complete_dictionary
from fairseq_xling.languages import MBART_CC25

TYPES = 30


def release_dictionary(folder: Path) -> Dictionary:
    """dict.txt as it comes with a release, without language tokens; returned complete."""
    plain = small_criss.dictionary(words=TYPES - 4, languages=None)
    plain.save(str(folder / "dict.txt"))
    complete_dictionary(plain, list(MBART_CC25), "dict.txt")
    return plain


def mbart_namespace(**others: Any) -> Namespace:
    """The options of mBART cc25 that matter, as its finetuning command and mbart_large say; small."""
    sizes = {}
    for part in ("encoder", "decoder"):
        sizes |= {f"{part}_embed_dim": 16, f"{part}_ffn_embed_dim": 64, f"{part}_layers": 2}
        sizes |= {f"{part}_attention_heads": 2, f"{part}_normalize_before": True, f"{part}_learned_pos": True}
    common = {"layernorm_embedding": True, "share_all_embeddings": True, "share_decoder_input_output_embed": True}
    common |= {"max_source_positions": 64, "max_target_positions": 64, "activation_fn": "gelu", "dropout": 0.1}
    common |= {"arch": "mbart_large", "criterion": "cross_entropy", "optimizer": "adam", "seed": 1, "data": "/nowhere"}
    common |= {
        "langs": ",".join(MBART_CC25),
        "lr": [0.0003],
        "lr_scheduler": "polynomial_decay",
        "add_lang_token": True,
    }
    return Namespace(**{**common, **sizes, "task": "multilingual_denoising", **others})


def criss_namespace() -> Namespace:
    """The CRISS release was trained with fairseq's translation_multi_simple_epoch."""
    pairs = "en_XX-ro_RO,ro_RO-en_XX"
    return mbart_namespace(
        task="translation_multi_simple_epoch",
        lang_pairs=pairs,
        decoder_langtok=True,
        encoder_langtok=None,
        criterion="label_smoothed_cross_entropy",
        label_smoothing=0.2,
    )


def write_release(path: Path, args: Namespace, symbols: Dictionary, versions: bool = False) -> dict[str, torch.Tensor]:
    """Write a release with random weights; returns the weights."""
    state = small_criss.stock_model(Namespace(**vars(args)), symbols, seed=4).state_dict()
    weights = {
        name: value
        for name, value in state.items()
        if "output_projection" not in name and (versions or not name.endswith("version")) and ".layers." not in name
    }
    # Encoder layers of 2020 have no copies of their own weights.
    weights |= {name: value for name, value in state.items() if ".layers." in name and name.count(".") > 3}
    history = {"criterion_name": "X", "optimizer_name": "Y", "lr_scheduler_state": {"best": None}, "num_updates": 9}
    iterator = {"epoch": 1, "iterations_in_epoch": 0, "shuffle": True}
    content = {
        "args": args,
        "model": weights,
        "optimizer_history": [history],
        "extra_state": {"train_iterator": iterator, "val_loss": None},
        "last_optimizer_state": None,
    }
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return weights
