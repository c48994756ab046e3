"""What encoding and translating with a checkpoint can be told; light enough for `--help`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fairseq_xling.configs import at_least, option
from fairseq_xling.signatures import signature

LAST = "last"


@dataclass(frozen=True)
class EncodingConfig:
    """Which vectors a checkpoint gives, and in what portions."""

    layer: str = option(LAST, "encoder layer: last, or a number (0 = the embeddings)", metavar="last|N")
    language_token: bool | None = None
    """Encode `x </s> [language]`; None: as the checkpoint's own training did, without where it says nothing."""
    precision: Literal["fp32", "bf16"] = option("fp32", "arithmetic of the model; vectors are stored as fp32")
    max_tokens: int | None = option(None, "tokens of one batch (default: 1024 on a CPU, 16384 on a GPU)")
    max_length: int | None = option(None, "cut sentences to this many tokens (default: the model's positions)")
    device: Literal["auto", "cpu", "cuda"] = option("auto", "auto: the GPU where there is one")

    def faults(self) -> Iterator[str]:
        if self.layer != LAST and not (self.layer.isascii() and self.layer.isdigit()):
            yield f"`layer` must be `{LAST}` or a number from 0, but is `{self.layer}`"
        yield from at_least("max_tokens", self.max_tokens, 1)
        yield from at_least("max_length", self.max_length, 3)

    @property
    def layer_number(self) -> int | None:
        """None for the last."""
        return None if self.layer == LAST else int(self.layer)


@dataclass(frozen=True)
class TranslationConfig:
    """How translations are searched for; names, meanings and defaults are fairseq-generate's."""

    beam: int = option(5, "beam size")
    lenpen: float = option(1.0, "length penalty: above 1 favours longer sentences")
    unkpen: float = option(0.0, "penalty for <unk>: above 0 produces fewer")
    max_len_a: float = option(0.0, "translations have at most A * source length + B tokens: this is A", metavar="A")
    max_len_b: int = option(200, "and this is B", metavar="B")
    min_len: int = option(1, "translations have at least this many tokens")
    no_repeat_ngram_size: int = option(0, "no n-gram of this size occurs twice (0: no such rule)")
    sampling: bool = option(False, "draw from the model's distribution instead of searching")
    sampling_topk: int = option(-1, "draw among the K likeliest tokens only", metavar="K")
    sampling_topp: float = option(-1.0, "draw among the likeliest tokens that make up P together", metavar="P")
    temperature: float = option(1.0, "above 1: more even distributions, below 1: more peaked ones", metavar="T")
    seed: int = option(1, "decides what is drawn")
    precision: Literal["fp32", "bf16"] = option("fp32", "arithmetic of the model")
    max_tokens: int = option(8192, "source tokens of one batch, padding included")
    max_length: int | None = option(None, "cut sources to this many tokens (default: the model's positions)")
    buffer_size: int = option(10_000, "lines that are read before their translations are written")
    device: Literal["auto", "cpu", "cuda"] = option("auto", "auto: the GPU where there is one")

    def faults(self) -> Iterator[str]:
        for name in ("beam", "max_len_b", "max_tokens", "buffer_size"):
            yield from at_least(name, getattr(self, name), 1)
        for name in ("min_len", "no_repeat_ngram_size", "seed", "max_len_a"):
            yield from at_least(name, getattr(self, name), 0)
        yield from at_least("max_length", self.max_length, 3)
        if self.temperature <= 0:
            yield f"`temperature` must be above 0, but is {self.temperature:g}. 1 leaves the distribution as it is"
        drawing = (("sampling_topk", self.sampling_topk), ("sampling_topp", self.sampling_topp))
        for name, value in drawing:
            if value > 0 and not self.sampling:
                flag = "--" + name.replace("_", "-")
                yield f"`{name}` is for drawing. Add --sampling, or leave {flag} out"
        if self.sampling_topk > 0 and self.sampling_topp > 0:
            yield "`sampling_topk` and `sampling_topp` exclude each other. Give one of the two"
        if self.sampling_topp > 1:
            yield f"`sampling_topp` must be at most 1, but is {self.sampling_topp:g}"

    @property
    def signature(self) -> str:
        """What decides the translations; batches and buffers decide nothing while nothing is drawn."""
        limits = {"max_len_a": self.max_len_a, "max_len_b": self.max_len_b, "min_len": self.min_len}
        rules = {"unkpen": self.unkpen, "no_repeat_ngram_size": self.no_repeat_ngram_size}
        plain = TranslationConfig.__dataclass_fields__
        drawn = (
            {"topk": self.sampling_topk, "topp": self.sampling_topp, "temperature": self.temperature, "seed": self.seed}
            if self.sampling
            else {}
        )
        changed = {name: value for name, value in (limits | rules).items() if value != plain[name].default}
        if self.max_length is not None:
            changed["max_length"] = self.max_length
        if self.precision != "fp32":
            changed["precision"] = self.precision
        return signature(
            search="sampling" if self.sampling else "beam", beam=self.beam, lenpen=self.lenpen, **changed, **drawn
        )
