"""A checkpoint's model options made those of our model: mBART's releases name stock architectures."""

from __future__ import annotations

import copy
from contextlib import ExitStack
from typing import Any

from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_REGISTRY
from fairseq.models.bart import BARTModel
from omegaconf import OmegaConf, open_dict

from fairseq_xling.models.criss import CrissModel


def as_criss(cfg: Any) -> Any:
    """`cfg` as it is for our architectures; for a stock BART one, the same sizes under the name criss_large.

    Anything else is left to fairseq, so that another model can be trained on this task.
    """
    name = getattr(cfg, "_name", None) or getattr(cfg, "arch", None)
    model = ARCH_MODEL_REGISTRY.get(name)
    if model is None or not issubclass(model, BARTModel) or issubclass(model, CrissModel):
        return cfg
    cfg = copy.deepcopy(cfg)
    with open_dict(cfg) if OmegaConf.is_config(cfg) else ExitStack():
        # Fills in what the options leave open with the defaults of their own architecture.
        ARCH_CONFIG_REGISTRY[name](cfg)
        cfg._name = cfg.arch = "criss_large"
    return cfg
