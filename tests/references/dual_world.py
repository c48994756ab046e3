"""The invented languages as DATA of the dual encoder's tasks, in text, and short trainings of its criterions."""

from __future__ import annotations

from pathlib import Path

from fairseq.tasks import FairseqTask
from omegaconf import DictConfig, OmegaConf
from references.grammar import Meaning, meanings, write

from fairseq_xling.tasks._dual_options import DualAlignmentConfig, DualTaskConfig, MaskedPairsConfig
from fairseq_xling.tasks.dual_alignment import DualAlignmentTask
from fairseq_xling.tasks.masked_pairs import MaskedPairsTask

FILLED = {"train_subset": "train", "valid_subset": "valid", "dataset_impl": "raw", "seed": 1}
KINDS: dict[type[DualTaskConfig], type[FairseqTask]] = {
    DualAlignmentConfig: DualAlignmentTask,
    MaskedPairsConfig: MaskedPairsTask,
}


def write_world(folder: Path, train: int = 40, valid: int = 12, coded: bool = False) -> list[Meaning]:
    """{train,valid}.xx-yy.xx of words between spaces, xx/train, and dict.txt, with language tokens where `coded`."""
    said = meanings(train + valid, seed=2)
    parts = {"train": said[:train], "valid": said[train:]}
    folder.mkdir(parents=True, exist_ok=True)
    for language in ("aa", "bb", "cc"):
        (folder / language).mkdir(exist_ok=True)
        for split, meant in parts.items():
            write(folder / language / split, meant, language)
    for pair in (("aa", "cc"), ("bb", "cc")):
        for split, meant in parts.items():
            for language in pair:
                write(folder / f"{split}.{'-'.join(pair)}.{language}", meant, language)
    words = {
        word for language in ("aa", "bb", "cc") for split in parts
        for word in (folder / language / split).read_text(encoding="utf-8").split()
    }  # fmt: skip
    tokens = ["[aa]", "[bb]", "[cc]", "<mask>"] if coded else []
    lines = [f"{word} 1\n" for word in [*sorted(words), *tokens]]
    (folder / "dict.txt").write_text("".join(lines), encoding="utf-8")
    return said


def options(kind: type[DualTaskConfig], folder: Path, **others: object) -> DictConfig:
    """A task's options with what fairseq fills in from the rest of a configuration."""
    given: dict[str, object] = {"dual_pairs": "aa-cc,bb-cc", **others}
    return OmegaConf.structured(kind(data=str(folder), **{**FILLED, **given}))


def task(kind: type[DualTaskConfig], folder: Path, **others: object) -> FairseqTask:
    return KINDS[kind].setup_task(options(kind, folder, **others))
