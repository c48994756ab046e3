"""What every Hugging Face folder holds: a configuration and weights by name, read and written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fairseq_xling.errors import CheckpointError
from fairseq_xling.files import atomic_write, read_bytes, sha256_file
from fairseq_xling.interchange.tokenizer import missing
from fairseq_xling.models._loading import readable
from fairseq_xling_host.checkpoints import load_checkpoint_file

CONFIG, WEIGHTS, PICKLED = "config.json", "model.safetensors", "pytorch_model.bin"
IDS = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
"""What fairseq's dictionaries begin with."""


def read_config(folder: Path, kinds: Sequence[str]) -> dict[str, Any]:
    """config.json of a model of one of these types; any other is refused by its name."""
    if not (folder / CONFIG).is_file():
        raise CheckpointError(
            f"{folder} is no folder with a {CONFIG}, so it is no model of Hugging Face's. Download its files and name "
            "their folder."
        )
    try:
        config = json.loads(read_bytes(folder / CONFIG))
        known = config.get("model_type") in kinds
    except (ValueError, AttributeError) as fault:
        raise CheckpointError(
            f"{folder / CONFIG} is not a model's configuration ({fault}). Download it again."
        ) from fault
    if not known:
        what = ", ".join(config.get("architectures") or []) or "unnamed"
        raise CheckpointError(
            f"{folder} holds a model of type `{config.get('model_type')}` ({what}), but only {' and '.join(kinds)} can "
            "be converted."
        )
    for name, value in IDS.items():
        if config.get(name, value) != value:
            raise CheckpointError(f"{folder / CONFIG}: {name} is {config[name]}, but fairseq's is always {value}.")
    if not isinstance(config.get("vocab_size"), int):
        raise CheckpointError(f"{folder / CONFIG} does not say the vocab_size. Download it again.")
    return dict(config)


def read_tensors(folder: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights by name, from one file or several, and the sha256 of each file; no code is run from a pickle."""
    for name in (WEIGHTS, PICKLED):
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            parts = [folder / name]
        elif index.is_file():
            parts = [folder / part for part in _parts(index)]
        else:
            continue
        tensors = dict[str, Tensor]()
        for part in parts:
            tensors |= load_weights(part)
        return tensors, {str(part): sha256_file(part) for part in parts}
    raise CheckpointError(f"{folder} has neither {WEIGHTS} nor {PICKLED}. Download the weights, too.")


def _parts(index: Path) -> list[str]:
    try:
        return sorted(set(json.loads(read_bytes(index))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise CheckpointError(f"{index} is not a list of weight files ({fault!r}). Download it again.") from fault


def load_weights(path: Path) -> dict[str, Tensor]:
    """One file; a pickle that runs code is refused (CheckpointError)."""
    if path.suffix == ".safetensors":
        try:
            from safetensors import SafetensorError
            from safetensors.torch import load_file
        except ImportError as fault:
            raise missing() from fault
        if not path.is_file():
            raise CheckpointError(f"{path} does not exist. Download the weights again.")
        try:
            return dict(load_file(path))
        except SafetensorError as fault:
            raise CheckpointError(f"{path} is not a whole safetensors file ({fault}). Download it again.") from fault
    with readable(str(path)):
        loaded = load_checkpoint_file(str(path))
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise CheckpointError(f"{path} does not hold weights by name. Download it again.")
    return loaded


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """One safetensors file, in equal bytes for equal weights."""
    try:
        from safetensors.torch import save
    except ImportError as fault:
        raise missing() from fault
    content = save({name: value.contiguous() for name, value in tensors.items()}, metadata={"format": "pt"})
    with atomic_write(path, "wb") as stream:
        stream.write(content)


def write_json(path: Path, value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Sorted, so that equal values give equal bytes."""
    with atomic_write(path) as stream:
        stream.write(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
