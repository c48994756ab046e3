"""Checkpoints of XLM-R, mBART, CRISS and other dual encoders as the state of this one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from fairseq_xling.errors import CheckpointError, ConfigError
from fairseq_xling.models._errors import user_errors
from fairseq_xling.models._rtl_head import LM_HEAD, head_state
from fairseq_xling.models._tower import TOWER
from fairseq_xling.nn.stacking import depth_of, stacked

if TYPE_CHECKING:
    from fairseq_xling.models.dual_encoder import DualEncoderModel

logger = logging.getLogger(__name__)
_MBART = "encoder.embed_tokens.weight"
HEADS = ("train_head.", "rtl_head.", "recovery_head.")
"""What training adds to a tower."""


def adapted(state: dict[str, Tensor], model: DualEncoderModel) -> None:
    """Change `state` in place to what `model` has: names, rows, depth and heads; raises CheckpointError."""
    with user_errors():
        if _MBART in state:
            _from_mbart(state, model)
        for name in [name for name in state if name.startswith("decoder.")]:  # XLM-R of 2019
            state["encoder." + name.removeprefix("decoder.")] = state.pop(name)
        for name in [name for name in state if ".emb_layer_norm." in name]:
            state[name.replace(".emb_layer_norm.", ".layernorm_embedding.")] = state.pop(name)
        state.setdefault(f"{TOWER}version", torch.Tensor([3]))
        _check_rows(state, model)
        _stack(state, model)
        _heads(state, model)


def _from_mbart(state: dict[str, Tensor], model: DualEncoderModel) -> None:
    """mBART's or CRISS' encoder; its decoder is left out, and the masked-LM head is a new one."""
    if model.args.dual_tower != "mbart":
        raise ConfigError("the checkpoint is an mBART or CRISS one. Give --dual-tower mbart and its sizes")
    encoder = {name.removeprefix("encoder."): state[name] for name in state if name.startswith("encoder.")}
    state.clear()
    state.update({TOWER + name: value for name, value in encoder.items()})
    ours = model.state_dict()
    state.update({name: ours[name] for name in ours if name.startswith(LM_HEAD)})
    state[f"{LM_HEAD}weight"] = state[f"{TOWER}embed_tokens.weight"]


def _check_rows(state: dict[str, Tensor], model: DualEncoderModel) -> None:
    name = f"{TOWER}embed_tokens.weight"
    if name not in state:
        raise CheckpointError(
            f"the checkpoint has no `{name}`, so it is no XLM-R, mBART or dual encoder. Name another."
        )
    rows, symbols = state[name].size(0), len(model.encoder.dictionary)
    if rows != symbols:
        raise CheckpointError(
            f"the checkpoint has {rows} rows of embeddings, but the dictionary has {symbols} symbols. Give the "
            "dict.txt that the checkpoint was trained with (the task appends <mask> where it is missing)."
        )


def _stack(state: dict[str, Tensor], model: DualEncoderModel) -> None:
    prefix = f"{TOWER}layers."
    there = depth_of(state, prefix)
    if not model.args.dual_stack or there == model.depth:
        return
    try:
        deeper = stacked(state, prefix, model.depth)
    except ValueError as error:
        raise CheckpointError(f"--dual-stack: {error}.") from error
    logger.info("dual_encoder | %d layers stacked to %d", there, model.depth)
    state.clear()
    state.update(deeper)


def _heads(state: dict[str, Tensor], model: DualEncoderModel) -> None:
    """Training heads that are not there begin anew, the RTL head from the tower's layers; others are left out."""
    ours = {name: value for name, value in model.state_dict().items() if name.startswith(HEADS)}
    for name in [name for name in state if name.startswith(HEADS) and name not in ours]:
        del state[name]
    missing = ours.keys() - state.keys()
    if any(name.startswith("rtl_head.") for name in missing) and model.rtl_head is not None:
        fresh = head_state(state, model.rtl_head, model.padding_idx)
        state.update({f"rtl_head.{name}": value for name, value in fresh.items()})
        missing -= {f"rtl_head.{name}" for name in fresh}
        logger.info("dual_encoder | RTL head from the checkpoint's last %d layers", len(model.rtl_head.layers))
    state.update({name: ours[name].clone() for name in missing})
