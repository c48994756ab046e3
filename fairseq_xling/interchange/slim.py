"""A checkpoint to a folder that holds all it takes to use it, in equal bytes for equal weights."""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fairseq import checkpoint_utils
from fairseq.data import Dictionary
from omegaconf import OmegaConf
from torch import Tensor

from fairseq_xling import register
from fairseq_xling.encoders.opening import DICTIONARY, ModelChoice, OpenModel, open_encoder
from fairseq_xling.files import MANIFEST, Manifest, atomic_write, finished_directory, sha256_file, write_manifest
from fairseq_xling.models._checkpoints import weights_hash
from fairseq_xling.models._loading import checkpoint_options
from fairseq_xling.models.criss import CrissModel
from fairseq_xling.models.dual_encoder import DualEncoderModel

MODEL, SPM = "model.pt", "spm.model"
# No options of the model in fairseq's eyes, but the sizes of its embeddings depend on them.
_SIZES = ("max_source_positions", "max_target_positions", "max_positions", "rtl_languages")


@dataclass(frozen=True)
class Contents:
    """What fairseq and we ask of a checkpoint, and nothing else."""

    options: Mapping[str, Any]
    """Of the model; plain values."""
    reading: Mapping[str, Any]
    """`source_token` and `languages` of an mBART, `style` and `languages` of a dual encoder."""
    weights: Mapping[str, Tensor]
    dictionary: Dictionary
    spm: Path | None


def slim_folder(choice: ModelChoice, output: str) -> Manifest:
    """Write OUTPUT/{model.pt, dict.txt, spm.model}; the manifest's counts hold the hash of the weights."""
    opened, contents = open_contents(choice)
    with finished_directory(output) as folder:
        write_contents(folder, contents)
        return finish(folder, "fairseq", opened.inputs, {"weights": weights_hash(opened.model)})


def open_contents(choice: ModelChoice) -> tuple[OpenModel, Contents]:
    """A checkpoint, opened, and what goes into a slim one; weights in the checkpoint's own precision."""
    register()
    opened = open_encoder(choice)
    state = checkpoint_utils.load_checkpoint_to_cpu(choice.checkpoint)
    tokens, languages = opened.tokens, list(opened.tokens.languages)
    if isinstance(opened.model, CrissModel):
        options = model_options(checkpoint_options(choice.checkpoint, state).model, CrissModel)
        reading: dict[str, Any] = {"languages": languages, "source_token": tokens.source_style}
    else:
        options = model_options(opened.model.args, DualEncoderModel)
        reading = {"languages": languages, "style": tokens.source_style}
    precision = stored_precision(state["model"])
    weights = {name: value.to(precision) for name, value in opened.model.state_dict().items()}
    return opened, Contents(options, reading, weights, tokens.dictionary, opened.files.spm)


def write_contents(folder: Path, contents: Contents) -> None:
    """model.pt, dict.txt and, where there is one, spm.model."""
    with atomic_write(folder / MODEL, "wb") as stream:
        torch.save(_state(contents), stream)
    contents.dictionary.save(str(folder / DICTIONARY))
    if contents.spm:
        shutil.copyfile(contents.spm, folder / SPM)


def finish(folder: Path, format: str, inputs: Mapping[str, str], counts: Mapping[str, Any]) -> Manifest:
    """The manifest of all that is in the folder, which is then finished."""
    outputs = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
    manifest = Manifest("model", {"format": format}, dict(inputs), outputs, dict(counts))
    write_manifest(folder / MANIFEST, manifest)
    return manifest


def stored_precision(weights: Mapping[str, Tensor]) -> torch.dtype:
    """The type that most of the weights have."""
    numbers = Counter[torch.dtype]()
    for value in weights.values():
        numbers[value.dtype] += value.numel() if value.is_floating_point() else 0
    return numbers.most_common(1)[0][0]


def _state(contents: Contents) -> dict[str, Any]:
    """A checkpoint as fairseq reads it."""
    reading = dict(contents.reading)
    if "style" in reading:
        task, state = {"_name": "dual_alignment", "dual_style": reading["style"]}, {"dual": reading}
    else:
        task, state = {"_name": "criss", "criss_source_token": reading["source_token"]}, {"criss": reading}
    cfg = {"model": dict(contents.options), "task": task}
    return {
        "args": None,
        "cfg": json.loads(json.dumps(cfg, sort_keys=True)),  # the same objects, whatever file they came from
        "model": dict(contents.weights),
        "optimizer_history": [{"optimizer_name": "none", "lr_scheduler_state": {}, "num_updates": 0}],
        "extra_state": {"train_iterator": {"epoch": 1}},
        "task_state": state,
    }


def model_options(cfg: Any, model: type[CrissModel] | type[DualEncoderModel]) -> dict[str, Any]:
    """The model's own options of a configuration that may hold everything that was said on a command line."""
    parser = argparse.ArgumentParser(add_help=False)
    model.add_args(parser)
    plain: Mapping[str, Any] = OmegaConf.to_container(cfg) if OmegaConf.is_config(cfg) else vars(cfg)
    own = {action.dest for action in parser._actions} | {*_SIZES, "arch", "_name"}
    return {name: value for name, value in plain.items() if name in own and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
