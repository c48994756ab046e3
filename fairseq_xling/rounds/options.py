"""Sections of a run's configuration that no verb reads: files, the original model, training, evaluation."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fairseq_xling.configs import at_least, option, unknown
from fairseq_xling.rounds.sections import of_round

METRICS = ("tatoeba", "bleu", "chrf", "pairs", "surface")


@dataclass(frozen=True)
class LanguageConfig:
    """A language's files."""

    mono: Path | None = option(None, "monolingual text, one sentence a line")
    ids: Path | None = option(None, "a concept number for each line of mono; evaluation only")
    dev: Path | None = option(None, "one side of a multi-parallel development set; evaluation only")
    test: Path | None = option(None, "one side of a multi-parallel test set; evaluation only")
    sentences: int | None = option(None, "lines of mono, for a dry run without files")

    def faults(self) -> Iterator[str]:
        yield from at_least("sentences", self.sentences, 1, "it")
        if self.mono is None and self.sentences is None:
            yield "`mono` is missing (a text file; for a dry run `sentences: N` will do)"


@dataclass(frozen=True)
class PretrainConfig:
    """A small mBART of one's own: fairseq's multilingual denoising on the monolingual text."""

    max_update: int = option(20000, "updates")
    save_every: int = option(1000, "updates between checkpoints, from which a killed training goes on")
    args: str = option("", "further words for fairseq-train; they win over ours")

    def faults(self) -> Iterator[str]:
        yield from _updates(self)
        yield from _words("args", self.args)


@dataclass(frozen=True)
class StartConfig:
    """The ORIGINAL model, from which every round's training starts, and who mines in round 0."""

    checkpoint: Path | None = option(None, "an mBART or CRISS checkpoint")
    spm: Path | None = option(None, "its SentencePiece model")
    dict: Path | None = option(None, "its dictionary")
    languages: str | None = option(None, "all its languages in its order (default: what its dictionary says)")
    pretrain: PretrainConfig | None = option(None, "pretrain one on the monolingual text")
    miner: Literal["model", "surface"] = option("model", "who mines in round 0: the model, or character n-grams")

    def faults(self) -> Iterator[str]:
        if self.checkpoint and self.pretrain:
            yield "`checkpoint` and `pretrain` exclude each other. Give one"
        if self.checkpoint and not (self.spm and self.dict):
            yield "`checkpoint` needs its `spm` and its `dict`. Name both"
        if not self.checkpoint and (self.spm or self.dict or self.languages):
            yield "`spm`, `dict` and `languages` belong to a `checkpoint`. Name it"
        if not self.checkpoint and not self.pretrain and self.miner == "model":
            yield "give `checkpoint: C` with `spm: M` and `dict: D`, or `pretrain: {…}`, or say `start: surface`"

    @property
    def has_model(self) -> bool:
        """False where training starts from random weights, the same ones every round."""
        return bool(self.checkpoint or self.pretrain)


@dataclass(frozen=True)
class TrainingConfig:
    """fairseq-train --task criss, from the original model, on what the round before mined."""

    arch: str = option(
        "criss_large",
        "criss_large, criss_base, criss_tiny; dual_encoder_base, dual_encoder_tiny train sentence vectors",
    )
    max_update: int | list[int] = option(
        20000, "updates of each round; a list: of round 1, 2, …, the last for the rest"
    )
    source_token: Literal["none", "suffix"] = option("none", "none: `x </s>`; suffix: `x </s> [src]`")
    temperature: float = option(1.0, "a pair with n sentence pairs is sampled with p ~ n^(1/T)")
    save_every: int = option(1000, "updates between checkpoints, from which a killed training goes on")
    keep: Literal["last", "best"] = option("last", "the round's model: after the last update, or best on validation")
    args: str = option("", "further words for fairseq-train; they win over ours")

    def faults(self) -> Iterator[str]:
        yield from _updates(self)
        yield from _words("args", self.args)
        if not self.temperature > 0:
            yield f"`temperature` must be above 0, but is {self.temperature:g}"
        if self.is_dual and self.source_token != "none":
            yield f"`source_token` is of the criss architectures, not of {self.arch}. Leave it out"

    @property
    def is_dual(self) -> bool:
        """Whether the encoder is a dual encoder, which translates nothing."""
        return is_dual(self.arch)

    def updates(self, round_number: int) -> int:
        return int(of_round(self.max_update, round_number - 1))


@dataclass(frozen=True)
class EvaluationConfig:
    """What is scored after each round, where the files for it are given."""

    directions: Any = option("all", "all, {pivots: [xx]}, or a list of pairs; each both ways")
    translated: Any = option(
        None, "those of them that are translated too, which takes longer than retrieval (default: all of them)"
    )
    metrics: list[str] = field(
        default_factory=lambda: list(METRICS), metadata={"help": f"of {', '.join(METRICS)} (default: all)"}
    )
    splits: list[str] = field(default_factory=lambda: ["test"], metadata={"help": "dev, test (default: test)"})

    def faults(self) -> Iterator[str]:
        yield from (unknown("metric", name, list(METRICS)) for name in self.metrics if name not in METRICS)
        yield from (unknown("split", name, ["dev", "test"]) for name in self.splits if name not in ("dev", "test"))


def is_dual(arch: str) -> bool:
    """Whether an architecture is a dual encoder's."""
    return arch.startswith("dual_encoder")


@dataclass(frozen=True)
class AlignConfig:
    """fairseq-train --task dual_alignment, from the deepest pretrained model, on the bitext."""

    max_update: int = option(50000, "updates")
    save_every: int = option(1000, "updates between checkpoints, from which a killed training goes on")
    args: str = option("", "further words for fairseq-train; they win over ours")

    def faults(self) -> Iterator[str]:
        yield from _updates(self)
        yield from _words("args", self.args)


@dataclass(frozen=True)
class StackingConfig:
    """LaBSE's progressive stacking: masked pretraining on text and bitext, deeper from stage to stage."""

    arch: str = option("dual_encoder_base", "dual_encoder_base, dual_encoder_tiny")
    layers: list[int] = field(
        default_factory=lambda: [3, 6, 12], metadata={"help": "layers of each stage, each a multiple of the one before"}
    )
    max_update: int | list[int] = option(
        100_000, "updates of each stage; a list: of stage 1, 2, …, the last one goes on"
    )
    save_every: int = option(1000, "updates between checkpoints, from which a killed training goes on")
    args: str = option("", "further words for fairseq-train in each stage; they win over ours")
    bitext: dict[str, list[str]] = field(
        default_factory=dict,
        metadata={"help": "{xx-yy: [SOURCE, TARGET]}: line i of one translates line i of the other"},
    )
    align: AlignConfig | None = option(None, "train the last stage's model to rank translations")
    mine: bool = option(False, "encode the text with the last model and mine the pairs of languages")

    def faults(self) -> Iterator[str]:
        yield from _updates(self)
        yield from _words("args", self.args)
        if not is_dual(self.arch):
            yield f"`arch` must be dual_encoder_base or dual_encoder_tiny, but is {self.arch}"
        if not self.layers or any(deep < 1 for deep in self.layers):
            yield f"`layers` must be numbers from 1, but are {self.layers}"
        elif any(deeper % deep for deep, deeper in zip(self.layers, self.layers[1:], strict=False)):
            yield f"`layers` must each be a multiple of the one before, but are {self.layers}"
        if not self.bitext:
            yield "`bitext` is missing: {fur-eng: [train.fur, train.eng]}"
        for name, files in self.bitext.items():
            if len(files) != 2:
                yield f"`bitext`: {name} must be [SOURCE, TARGET], two files, but is {files}"

    def updates(self, number: int) -> int:
        """Of stage `number`, from 1."""
        return int(of_round(self.max_update, number - 1))


def _updates(config: TrainingConfig | PretrainConfig | AlignConfig | StackingConfig) -> Iterator[str]:
    counts = config.max_update if isinstance(config.max_update, list) else [config.max_update]
    if not counts:
        yield "`max_update` must not be an empty list"
    for count in counts:
        yield from at_least("max_update", count, 1, "it")
    yield from at_least("save_every", config.save_every, 1, "it")


def _words(name: str, text: str) -> Iterator[str]:
    try:
        shlex.split(text)
    except ValueError as fault:
        yield f"`{name}` cannot be split into words ({fault}). Close the quotes"
