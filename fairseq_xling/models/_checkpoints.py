"""What stands between a checkpoint's weights and a model: missing keys, rows that must agree, sizes that must fit."""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping
from typing import Any

import torch
from fairseq.data import Dictionary
from torch import Tensor, nn

from fairseq_xling.errors import CheckpointError

EMBEDDINGS = "encoder.embed_tokens.weight"


def add_versions(state: MutableMapping[str, Tensor]) -> None:
    """Give a state dict without version keys the version its keys show.

    fairseq takes a missing `encoder.version` for a checkpoint of 2018 and drops the final LayerNorm, which mBART has.
    """
    for part in ("encoder", "decoder"):
        if f"{part}.layer_norm.weight" in state:
            state.setdefault(f"{part}.version", torch.Tensor([3]))


def check_rows(state: MutableMapping[str, Tensor], dictionary: Dictionary) -> None:
    """Raise CheckpointError unless the checkpoint has one embedding a symbol: otherwise tokens change their meaning."""
    if EMBEDDINGS not in state:
        raise CheckpointError(f"the checkpoint has no `{EMBEDDINGS}`, so it is no mBART or CRISS model. Name another.")
    rows, symbols = state[EMBEDDINGS].size(0), len(dictionary)
    if rows != symbols:
        tokens = sum(symbol.startswith("[") and symbol.endswith("]") for symbol in dictionary.symbols[-1000:])
        raise CheckpointError(
            f"the checkpoint has {rows} rows of embeddings, but the dictionary has {symbols} symbols ({tokens} "
            f"language tokens and <mask> among them). Give the dict.txt that the checkpoint was trained with and, in "
            f"--criss-langs, its languages in its order."
        )


def misfit(error: RuntimeError) -> CheckpointError:
    """torch's list of parameters that do not fit, as one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    faults = [line for line in lines if not line.startswith("Error(s) in loading state_dict")]
    more = f" (and {len(faults) - 1} more like it)" if len(faults) > 1 else ""
    first = faults[0].rstrip(".") if faults else str(error)
    if len(first) > 300:
        first = first[:300] + " …"
    return CheckpointError(
        f"the checkpoint does not fit the model: {first}{more}. Give the --arch and the sizes it was trained with."
    )


def weights_hash(model: nn.Module, without: tuple[str, ...] = ()) -> str:
    """sha256 over names, types, shapes and bytes of all parameters and buffers; equal weights give equal hashes.

    `without` are beginnings of names that do not count.
    """
    digest = hashlib.sha256()
    values: dict[str, Any] = model.state_dict()
    for name in sorted(name for name in values if not name.startswith(without)):
        value = values[name].detach().cpu().contiguous()
        digest.update(f"{name}|{value.dtype}|{tuple(value.shape)}\n".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
