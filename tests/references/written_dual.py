"""A small dual encoder on disk, over the dictionary of a written model."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import torch
from references import small_dual

from fairseq_xling.data.pairs import open_dictionary
from fairseq_xling.encoders.opening import ModelChoice


def write_dual(path: Path, data: Path, style: str = "first", **options: object) -> ModelChoice:
    """A checkpoint of random weights as the task dual_alignment leaves one; with what belongs to it."""
    args = small_dual.options(**options)
    model = small_dual.model(symbols=open_dictionary(str(data / "dict.txt")), **options)
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in model.parameters():  # biases and LayerNorms that are told apart
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    state = {
        "args": Namespace(**vars(args)),
        "model": model.state_dict(),
        "optimizer_history": [{"optimizer_name": "adam", "lr_scheduler_state": {}, "num_updates": 1}],
        "extra_state": {"train_iterator": {"epoch": 1}},
        "task_state": {"dual": {"languages": ["aa", "bb"], "style": style}},
    }
    torch.save(state, path)
    return ModelChoice(str(path), str(data / "dict.txt"), str(data / "spm.model"))
