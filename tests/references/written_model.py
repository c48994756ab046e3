"""A small model on disk with all that belongs to it, made in a second without training."""

from __future__ import annotations

import itertools
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import torch
from references import small_criss
from references.grammar import LANGUAGES, Meaning, meanings, write

from fairseq_xling.cli.main import main
from fairseq_xling.data.pairs import open_dictionary

POSITIONS = 64


@dataclass(frozen=True)
class WrittenModel:
    """`checkpoint` of random weights; `data` as prepare writes it; `texts` with mono.xx and pairs/SPLIT.xx-yy.xx."""

    checkpoint: Path
    data: Path
    texts: Path


def write_texts(folder: Path, counts: tuple[int, int, int] = (60, 10, 30)) -> list[Meaning]:
    """mono.xx and pairs/ of all languages; returns the meanings of the test set."""
    train, valid, test = counts
    said = meanings(sum(counts), seed=1)
    parts = {"train": said[:train], "valid": said[train : train + valid], "test": said[-test:]}
    (folder / "pairs").mkdir(parents=True)
    for language in LANGUAGES:
        write(folder / f"mono.{language}", parts["train"], language)
    for pair in itertools.combinations(LANGUAGES, 2):
        for (split, meant), language in itertools.product(parts.items(), pair):
            write(folder / "pairs" / f"{split}.{pair[0]}-{pair[1]}.{language}", meant, language)
    return parts["test"]


def prepare(folder: Path, *more: str) -> Path:
    """`fairseq-xling prepare` over what `write_texts` wrote."""
    mono = [f"--mono={language}={folder}/mono.{language}" for language in LANGUAGES]
    words = ["prepare", "--langs", ",".join(LANGUAGES), *mono, "--pairs", f"{folder}/pairs", "--vocabulary-size", "90"]
    assert main([*words, "--output", f"{folder}/data", *more]) == 0
    return folder / "data"


def write_checkpoint(path: Path, data: Path, style: str = "none", **options: object) -> Path:
    """A checkpoint as fairseq wrote them when options were a Namespace, with the task's state of today."""
    args = small_criss.options(data=str(data), max_source_positions=POSITIONS, **options)
    args.max_target_positions, args.criss_source_token = POSITIONS, style
    model = small_criss.model(args, open_dictionary(str(data / "dict.txt")))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():  # initial weights give every sentence nearly the same translation
            if parameter.dim() > 1:
                parameter.add_(torch.randn(parameter.shape, generator=generator))
    state = {
        "args": Namespace(**vars(args)),
        "model": model.state_dict(),
        "optimizer_history": [{"optimizer_name": "adam", "lr_scheduler_state": {}, "num_updates": 1}],
        "extra_state": {"train_iterator": {"epoch": 1}},
        "task_state": {"criss": {"languages": list(LANGUAGES), "source_token": style}},
    }
    torch.save(state, path)
    return path


def write_model(folder: Path) -> WrittenModel:
    """Everything, in a new folder."""
    write_texts(folder)
    data = prepare(folder)
    return WrittenModel(write_checkpoint(folder / "model.pt", data), data, folder)
