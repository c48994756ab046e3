"""What a run will cost, before it is started: counts, sizes, arithmetic, and the limits it asks a cluster for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fairseq_xling.rounds.config import KINDS, RoundsConfig
from fairseq_xling.rounds.options import LanguageConfig
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.stages import Stage
from fairseq_xling.rounds.texts import count_lines

# Width, layers of the encoder and of the decoder.
_SHAPES = {
    "criss_large": (1024, 12, 12), "criss_base": (512, 6, 6), "criss_tiny": (128, 3, 3),
    "dual_encoder_base": (768, 12, 0), "dual_encoder_tiny": (128, 3, 0),
}  # fmt: skip
TOKENS_PER_SENTENCE = 25
# What a processor and a GPU are taken to do in a second, on average, in these models; said wherever it is used.
CPU_FLOPS, GPU_FLOPS = 40e9, 60e12
_GIGABYTE = 1e9


@dataclass(frozen=True)
class Cost:
    """Of one kind of stage, all rounds together."""

    kind: str
    stages: int
    sentences: int
    flops: float
    hours: float
    """Of processing on the processors and GPUs that its resources name, if nothing waits."""
    gigabytes: float
    cpu_hours_limit: float
    gpu_hours_limit: float
    """If every attempt took its whole time limit."""


def counted(config: RoundsConfig) -> RoundsConfig:
    """The same run with the number of lines of every text that is there."""
    languages = {code: replace(language, sentences=_lines_of(language)) for code, language in config.languages.items()}
    return replace(config, languages=languages)


def costs(config: RoundsConfig, plan: Plan) -> list[Cost]:
    """A line for each kind of stage there is, in the order of the work."""
    return [_cost(config, kind, [stage for stage in plan if stage.kind == kind]) for kind in KINDS if plan.kinds[kind]]


def _cost(config: RoundsConfig, kind: str, stages: Sequence[Stage]) -> Cost:
    flops = sum(_flops(config, stage) for stage in stages)
    asked = config.resources[kind]
    speed = asked.nodes * (asked.gpus * GPU_FLOPS if asked.gpus else (stages[0].resources.cpus or 1) * CPU_FLOPS)
    limit = len(stages) * asked.nodes * asked.minutes / 60
    sentences = sum(sum(stage.sizes) for stage in stages)
    size = sum(_bytes(config, stage) for stage in stages) / _GIGABYTE
    cpus = limit * (stages[0].resources.cpus or 1)
    return Cost(kind, len(stages), sentences, flops, flops / speed / 3600, size, cpus, limit * asked.gpus)


def _flops(config: RoundsConfig, stage: Stage) -> float:
    """Multiplications and additions of the products alone: twice the weights a token forward, six times in training."""
    width, encoder, decoder = _SHAPES.get(config.training.arch, _SHAPES["criss_large"])
    weights_of_encoder, weights_of_decoder = 12 * encoder * width**2, 16 * decoder * width**2
    if stage.kind == "encode":
        return 2.0 * weights_of_encoder * TOKENS_PER_SENTENCE * sum(stage.sizes)
    if stage.kind in ("mine", "tiles") and len(stage.sizes) == 2:
        return 2.0 * math.prod(stage.sizes) * width
    if stage.kind in ("train", "pretrain", "align"):
        words = stage.commands[0].words
        weights_of_encoder = 12 * (_last(words, "--encoder-layers") or encoder) * width**2
        batch = _last(words, "--max-tokens") or 2 * TOKENS_PER_SENTENCE * _last(words, "--batch-size")
        tokens = batch * _last(words, "--max-update") * max(1, _last(words, "--update-freq"))
        gpus = max(1, stage.resources.gpus) * stage.resources.nodes
        return 6.0 * (weights_of_encoder + weights_of_decoder) * tokens * gpus
    return 0.0


def _bytes(config: RoundsConfig, stage: Stage) -> float:
    width, encoder, decoder = _SHAPES.get(config.training.arch, _SHAPES["criss_large"])
    if stage.kind == "encode":
        return 4.0 * width * sum(stage.sizes)
    if stage.kind in ("train", "pretrain", "align"):
        vocabulary = config.pieces.values.get("vocabulary", 250_000 if config.start.checkpoint else 8000)
        return 4.0 * float(12 * encoder * width**2 + 16 * decoder * width**2 + vocabulary * width)
    return 0.0


def _last(words: Sequence[str], flag: str) -> int:
    """The number after the last `flag`, which is the one that counts; 0 without one."""
    found = [words[place + 1] for place, word in enumerate(words[:-1]) if word == flag]
    return int(found[-1]) if found and found[-1].isdigit() else 0


def _lines_of(language: LanguageConfig) -> int | None:
    return count_lines(language.mono) if language.mono and language.mono.is_file() else language.sentences
