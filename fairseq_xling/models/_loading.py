"""A checkpoint file to a CrissModel: ours, mBART's and CRISS' releases, whichever task wrote them."""

from __future__ import annotations

import contextlib
import copy
import pickle
import zipfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairseq import checkpoint_utils
from fairseq.data import Dictionary
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_REGISTRY
from fairseq.models.bart import BARTModel
from omegaconf import OmegaConf, open_dict

from fairseq_xling.errors import CheckpointError
from fairseq_xling.models.criss import CrissModel
from fairseq_xling_host.checkpoints import load_checkpoint_file


@dataclass(frozen=True)
class Training:
    """What a checkpoint says of its own training; None where it says nothing."""

    languages: tuple[str, ...] | None = None
    """All language tokens in the dictionary's order."""
    source_token: str | None = None
    """none or suffix."""
    data: str | None = None
    """DATA as the training command named it; the folder may have moved since."""


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A model in eval mode on the CPU, and how it was trained."""

    model: CrissModel
    training: Training


def load_criss(path: str, dictionary: Dictionary) -> LoadedCheckpoint:
    """The model of a checkpoint whose dictionary is given complete; raises CheckpointError where they do not fit."""
    foreign = CheckpointError(f"checkpoint {path} is not one that fairseq wrote. Name another.")
    with readable(path):
        try:
            state = checkpoint_utils.load_checkpoint_to_cpu(path)
        except (KeyError, TypeError) as error:
            raise foreign from error
    if "model" not in state:
        raise foreign
    options = checkpoint_options(path, state)
    cfg = as_criss(options.model)
    name = getattr(cfg, "_name", None) or getattr(cfg, "arch", None)
    if not issubclass(ARCH_MODEL_REGISTRY.get(name, object), CrissModel):
        raise CheckpointError(f"checkpoint {path} is of a model `{name}`, but an mBART or CRISS one is needed.")
    with open_dict(cfg) if OmegaConf.is_config(cfg) else ExitStack():
        ARCH_CONFIG_REGISTRY[name](cfg)
    model = CrissModel.build_model(cfg, Namespace(source_dictionary=dictionary, target_dictionary=dictionary))
    model.load_state_dict(state["model"], strict=True, model_cfg=cfg)
    return LoadedCheckpoint(model.eval(), training_of(state))


@contextlib.contextmanager
def readable(path: str) -> Iterator[None]:
    """A missing, damaged or unsafe checkpoint as a CheckpointError."""
    if not Path(path).is_file():
        raise CheckpointError(f"checkpoint {path} does not exist. Check the path.")
    try:
        yield
    except pickle.UnpicklingError as error:
        raise CheckpointError(str(error)) from error


def checkpoint_options(path: str, state: dict[str, Any]) -> Any:
    """The whole configuration, of which releases keep the old flat Namespace."""
    cfg = state.get("cfg")
    if isinstance(cfg, dict):  # read without fairseq; options of a model are a mapping in it, or a Namespace
        options = {name: OmegaConf.create(part) if isinstance(part, dict) else part for name, part in cfg.items()}
        return Namespace(**{"model": Namespace(), **options})
    if cfg is not None:
        return cfg
    if state.get("args") is None:
        raise CheckpointError(f"checkpoint {path} holds neither `cfg` nor `args`, so its sizes are unknown.")
    return convert_namespace_to_omegaconf(state["args"])


def training_of(state: dict[str, Any]) -> Training:
    """From the task's state where our task wrote it, else from the `langs` option of fairseq's multilingual tasks."""
    cfg = state.get("cfg")
    of_task = cfg.get("task") if cfg is not None else None
    data = _text(state.get("args"), "data") or _text(of_task, "data")
    own = (state.get("task_state") or {}).get("criss")
    if own is not None:
        return Training(tuple(own["languages"]), own["source_token"], data)
    languages = _text(state.get("args"), "langs") or _text(of_task, "langs")
    return Training(tuple(languages.split(",")) if languages else None, data=data)


def _text(options: Any, name: str) -> str | None:
    """An option of a Namespace, a mapping or a configuration, where it is there and is text."""
    value = options.get(name) if hasattr(options, "get") else getattr(options, name, None)
    return value if isinstance(value, str) and value else None


def training_at(path: str) -> Training:
    """`training_of` a file without reading its weights; nothing for a file in torch's format of before 1.6."""
    with readable(path):
        if not zipfile.is_zipfile(path):
            return Training()
        state = load_checkpoint_file(path, mmap=True)
    return training_of(state) if isinstance(state, dict) else Training()


def as_criss(cfg: Any) -> Any:
    """`cfg` as it is for our architectures; for a stock BART one, the same sizes under the name criss_large.

    Anything else is left to fairseq, so that another model can be trained on the task.
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
