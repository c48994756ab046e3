"""A checkpoint file to a DualEncoderModel: ours, whichever task wrote it, and XLM-R's releases."""

from __future__ import annotations

import copy
import zipfile
from argparse import Namespace
from contextlib import ExitStack
from typing import Any

from fairseq import checkpoint_utils
from fairseq.data import Dictionary
from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_REGISTRY
from fairseq.models.roberta import RobertaModel
from omegaconf import OmegaConf, open_dict

from fairseq_xling.models._loading import checkpoint_options, readable
from fairseq_xling.models.dual_encoder import DualEncoderModel
from fairseq_xling_host.checkpoints import load_checkpoint_file


def dual_style(path: str) -> str | None:
    """first or none, as the sentences of the checkpoint's training; None where it is no dual encoder and no XLM-R."""
    with readable(path):
        # Without reading the weights, where the file's format allows it.
        state = load_checkpoint_file(path, mmap=zipfile.is_zipfile(path))
    if not isinstance(state, dict) or (state.get("cfg") is None and state.get("args") is None):
        return None
    own = (state.get("task_state") or {}).get("dual")
    if own is not None:
        return str(own["style"])
    model = ARCH_MODEL_REGISTRY.get(_name(checkpoint_options(path, state).model), object)
    return "first" if issubclass(model, RobertaModel) else None


def load_dual(path: str, dictionary: Dictionary) -> DualEncoderModel:
    """In eval mode on the CPU, without what training alone needs; raises CheckpointError where they do not fit."""
    with readable(path):
        state = checkpoint_utils.load_checkpoint_to_cpu(path)
    cfg = as_dual(checkpoint_options(path, state).model)
    model = DualEncoderModel.build_model(cfg, Namespace(source_dictionary=dictionary))
    model.load_state_dict(state["model"], strict=True, model_cfg=cfg)
    return model.eval()


def as_dual(cfg: Any) -> Any:
    """A dual encoder's options without its training heads; those of an XLM-R as a tower's with mean pooling.

    XLM-R's first token has never been trained to stand for its sentence.
    """
    name = _name(cfg)
    ours = issubclass(ARCH_MODEL_REGISTRY[name], DualEncoderModel)
    cfg = copy.deepcopy(cfg)
    with open_dict(cfg) if OmegaConf.is_config(cfg) else ExitStack():
        ARCH_CONFIG_REGISTRY[name](cfg)
        if not ours:
            cfg._name = cfg.arch = "dual_encoder"
            cfg.dual_pooling = "mean"
        cfg.rtl_layers, cfg.rtl_languages, cfg.dual_train_head, cfg.dual_recovery = 0, 0, False, False
    return cfg


def _name(cfg: Any) -> Any:
    return getattr(cfg, "_name", None) or getattr(cfg, "arch", None)
