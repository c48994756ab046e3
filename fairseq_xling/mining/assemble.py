"""Mined ids and raw lines to training data: filters, cap, a sampled validation set; no character is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fairseq_xling.configs import at_least, option
from fairseq_xling.errors import CorpusError
from fairseq_xling.mining.pairs import MinedPairs
from fairseq_xling.signatures import signature
from fairseq_xling.text.bitext import SentencePair, write_moses, write_tmx, write_tsv
from fairseq_xling.text.filters import FilterChain, Languages

DEFAULT_FILTERS = "length:1:250,characters:1:2000,character-ratio:5:50,copies,letters,repeats"


@dataclass(frozen=True)
class AssemblyConfig:
    """What is kept of the mined pairs and how it is split."""

    filters: str = option(DEFAULT_FILTERS, "named filters in their order; an empty text for none (see below)")
    threshold: float | None = option(None, "keep pairs with a margin above this (default: what mining kept)")
    max_count: int | None = option(None, "keep at most this many pairs that pass, best first (default: all)")
    validation: int = option(2000, "pairs sampled for validation (CRISS, section 4.1)")
    validation_share: float = option(0.05, "but at most this share of all pairs", metavar="P")
    seed: int = option(1, "decides which pairs are sampled")
    format: Literal["moses", "tsv", "tmx"] = option(
        "moses", "moses: two files in step, as fairseq-preprocess reads them; tsv: with scores; tmx: for other tools"
    )

    def faults(self) -> Iterator[str]:
        yield from at_least("max_count", self.max_count, 1)
        yield from at_least("validation", self.validation, 0)
        yield from at_least("seed", self.seed, 0)
        if not 0 <= self.validation_share < 1:
            yield f"`validation_share` must be at least 0 and below 1, but is {self.validation_share:g}"

    @property
    def signature(self) -> str:
        return signature(
            filters=self.filters or None,
            threshold=self.threshold,
            max_count=self.max_count,
            validation=f"{self.validation}/{self.validation_share:g}",
            seed=self.seed,
        )


@dataclass(frozen=True)
class Assembled:
    """Both parts, best first, and how many pairs each step dropped."""

    train: MinedPairs
    validation: MinedPairs
    counts: dict[str, Any]

    @property
    def line(self) -> str:
        """One line for the person."""
        counts, dropped = self.counts, self.counts["dropped"]
        by_filter = ", ".join(f"{name} {count}" for name, count in dropped.items() if count)
        return (
            f"{counts['mined']} mined, {counts.get('below_threshold', 0)} below the threshold, "
            f"{sum(dropped.values())} filtered{f' ({by_filter})' if by_filter else ''}, "
            f"{counts.get('over_cap', 0)} over the cap: "
            f"{counts['train']} to train on, {counts['validation']} to validate"
        )


def assemble_pairs(
    pairs: MinedPairs, texts: tuple[Sequence[str], Sequence[str]], config: AssemblyConfig, languages: Languages
) -> Assembled:
    """Threshold, filters, cap, split, in this order; `texts` are the raw source and target lines."""
    _check_ids(pairs, texts)
    counts: dict[str, Any] = {"mined": len(pairs)}
    if config.threshold is not None:
        pairs = pairs.take(pairs.scores > config.threshold)
        counts["below_threshold"] = counts["mined"] - len(pairs)
    filtered = FilterChain(config.filters, languages).pairs(
        (texts[0][source], texts[1][target]) for source, target in _ids(pairs)
    )
    pairs = pairs.take(filtered.kept)
    counts |= {"dropped": filtered.dropped, "passed": len(pairs)}
    if config.max_count is not None:
        pairs = pairs.take(slice(0, config.max_count))
        counts["over_cap"] = counts["passed"] - len(pairs)
    sampled = validation_sample(len(pairs), config)
    train, validation = pairs.take(~sampled), pairs.take(sampled)
    return Assembled(train, validation, counts | {"train": len(train), "validation": len(validation)})


def validation_sample(count: int, config: AssemblyConfig) -> npt.NDArray[np.bool_]:
    """[count] True for the sampled pairs: at random, because the best-scored ones are the easy ones.

    The CRISS release takes the best; that makes its validation loss too good. Two pairs or more give at least one,
    so that training has something to validate on.
    """
    size = min(config.validation, int(count * config.validation_share))
    if config.validation and config.validation_share and count >= 2:
        size = max(1, size)
    sampled = np.zeros(count, bool)
    sampled[np.random.default_rng(config.seed).choice(count, size, replace=False)] = True
    return sampled


def write_assembled(
    folder: Path, assembled: Assembled, texts: tuple[Sequence[str], Sequence[str]], codes: tuple[str, str], form: str
) -> list[str]:
    """`train` and `valid` in the named format and their ids as `train.pairs.tsv`; returns the files' names."""
    names = []
    for part, pairs in (("train", assembled.train), ("valid", assembled.validation)):
        stem = f"{part}.{codes[0]}-{codes[1]}"
        rows = (
            SentencePair(texts[0][source], texts[1][target], score)
            for (source, target), score in zip(_ids(pairs), pairs.scores.tolist(), strict=True)
        )
        if form == "moses":
            written = [f"{stem}.{codes[0]}", f"{stem}.{codes[1]}"]
            write_moses(folder / written[0], folder / written[1], rows)
        elif form == "tsv":
            written = [f"{stem}.tsv"]
            write_tsv(folder / written[0], rows)
        else:
            written = [f"{stem}.tmx"]
            write_tmx(folder / written[0], rows, *codes)
        pairs.write(folder / f"{part}.pairs.tsv")
        names += [*written, f"{part}.pairs.tsv"]
    return names


def _ids(pairs: MinedPairs) -> Iterator[tuple[int, int]]:
    return zip(pairs.source_ids.tolist(), pairs.target_ids.tolist(), strict=True)


def _check_ids(pairs: MinedPairs, texts: tuple[Sequence[str], Sequence[str]]) -> None:
    for name, ids, lines in (("source", pairs.source_ids, texts[0]), ("target", pairs.target_ids, texts[1])):
        if len(ids) and int(ids.max()) >= len(lines):
            raise CorpusError(
                f"the pairs name {name} line {int(ids.max())}, but the {name} text has {len(lines)} lines. "
                "Name the texts that were mined."
            )


def preprocess_command(folder: str | os.PathLike[str], codes: tuple[str, str]) -> str:
    """The fairseq command that binarises an assembled folder with a dictionary."""
    pair = f"{codes[0]}-{codes[1]}"
    return (
        f"fairseq-preprocess -s {codes[0]} -t {codes[1]} --trainpref {folder}/train.{pair} "
        f"--validpref {folder}/valid.{pair} --srcdict DICT --tgtdict DICT --destdir DATA"
    )
