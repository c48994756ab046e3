"""A checkpoint to a folder that holds all it takes to use it, in equal bytes for equal weights."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from typing import Any

import torch
from fairseq import checkpoint_utils
from omegaconf import OmegaConf

from fairseq_xling import register
from fairseq_xling.encoders.opening import DICTIONARY, ModelChoice, open_model
from fairseq_xling.files import MANIFEST, Manifest, atomic_write, finished_directory, sha256_file, write_manifest
from fairseq_xling.models._checkpoints import weights_hash
from fairseq_xling.models._loading import checkpoint_options
from fairseq_xling.models.criss import CrissModel

MODEL, SPM = "model.pt", "spm.model"
# Belong to the task in fairseq's eyes, but the sizes of the position embeddings depend on them.
_POSITIONS = ("max_source_positions", "max_target_positions")


def slim_folder(choice: ModelChoice, output: str) -> Manifest:
    """Write OUTPUT/{model.pt, dict.txt, spm.model}; the manifest's counts hold the hash of the weights."""
    register()
    opened = open_model(choice)
    weights = weights_hash(opened.model)
    with finished_directory(output) as folder:
        with atomic_write(folder / MODEL, "wb") as stream:
            torch.save(_state(choice.checkpoint, opened), stream)
        opened.tokens.dictionary.save(str(folder / DICTIONARY))
        if opened.files.spm:
            shutil.copyfile(opened.files.spm, folder / SPM)
        outputs = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
        manifest = Manifest("model", {"format": "fairseq"}, dict(opened.inputs), outputs, {"weights": weights})
        write_manifest(folder / MANIFEST, manifest)
    return manifest


def _state(path: str, opened: Any) -> dict[str, Any]:
    """What fairseq and we ask of a checkpoint, and nothing else."""
    options = checkpoint_options(path, checkpoint_utils.load_checkpoint_to_cpu(path))
    tokens = opened.tokens
    languages = {"languages": list(tokens.languages), "source_token": tokens.source_style}
    cfg = {
        "model": _model_options(options.model),
        "task": {"_name": "criss", "criss_source_token": tokens.source_style},
    }
    return {
        "args": None,
        "cfg": json.loads(json.dumps(cfg, sort_keys=True)),  # the same objects, whatever file they came from
        "model": dict(opened.model.state_dict()),
        "optimizer_history": [{"optimizer_name": "none", "lr_scheduler_state": {}, "num_updates": 0}],
        "extra_state": {"train_iterator": {"epoch": 1}},
        "task_state": {"criss": languages},
    }


def _model_options(cfg: Any) -> dict[str, Any]:
    """The model's own options of a configuration that may hold everything that was said on a command line."""
    parser = argparse.ArgumentParser(add_help=False)
    CrissModel.add_args(parser)
    own = {action.dest for action in parser._actions} | {*_POSITIONS, "arch", "_name"}
    plain: Mapping[str, Any] = OmegaConf.to_container(cfg) if OmegaConf.is_config(cfg) else vars(cfg)
    return {name: value for name, value in plain.items() if name in own and _is_plain(value)}


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
