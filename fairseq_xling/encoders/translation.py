"""A checkpoint as a translator: lines in, lines out, any direction, the model loaded once."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice

import torch
from fairseq.data import data_utils
from fairseq.tasks import TASK_DATACLASS_REGISTRY, TASK_REGISTRY
from torch import Tensor

from fairseq_xling.configs import unknown
from fairseq_xling.data.bucketing import length_batches, padded
from fairseq_xling.encoders.opening import OpenModel
from fairseq_xling.encoders.options import TranslationConfig
from fairseq_xling.errors import ConfigError
from fairseq_xling.signatures import joined, signature

# A byte that --byte-fallback models cut unknown characters into.
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


class Translator:
    """fairseq's generator behind lines of text; what it prints is what fairseq-generate prints on the same options."""

    def __init__(self, opened: OpenModel, config: TranslationConfig = TranslationConfig()) -> None:  # noqa: B008 - frozen
        if config.max_length is not None and config.max_length > opened.longest:
            raise ConfigError(
                f"`max_length` {config.max_length} is more than the {opened.longest} positions of "
                f"{opened.files.checkpoint}"
            )
        self.config = config
        self.cut = 0
        """Sources that were too long and lost their end, so far."""
        self.on_batch: Callable[[int], object] | None = None
        self._opened = opened
        self._longest = config.max_length or opened.longest
        opened.move(config.device, config.precision)
        # The task is known to fairseq by name only: rooms beside each other do not import each other.
        self._task = TASK_REGISTRY["criss"](TASK_DATACLASS_REGISTRY["criss"](), opened.tokens)
        self._generator = self._task.build_generator([opened.model], Namespace(**asdict(config)))

    @property
    def signature(self) -> str:
        """Which checkpoint, and how translations were searched for."""
        opened = self._opened
        spm = opened.files.spm
        model = signature(
            checkpoint=opened.short_hash,
            pieces=opened.inputs[str(spm)][:8] if spm else None,
            source_token=opened.tokens.source_style,
        )
        return joined(model, self.config.signature)

    def faults_of_direction(self, source: str, target: str) -> Iterator[str]:
        """What is wrong with a pair of language codes."""
        languages = self._opened.tokens.languages
        yield from (unknown("language", code, list(languages)) for code in (source, target) if code not in languages)

    def translate(self, lines: Sequence[str], source: str, target: str) -> list[str]:
        """One translation a line, in their order; a line without any piece stays empty."""
        faults = list(self.faults_of_direction(source, target))
        if faults:
            raise ConfigError(faults)
        sources = {i: tokens for i, line in enumerate(lines) if (tokens := self._source(line, source)) is not None}
        places, found = list(sources), [""] * len(lines)
        self._tell(len(lines) - len(sources))
        for batch in length_batches([len(tokens) for tokens in sources.values()], self.config.max_tokens):
            texts = self._batch([sources[places[i]] for i in batch], target)
            for i, text in zip(batch, texts, strict=True):
                found[places[i]] = text
            self._tell(len(batch))
        return found

    def _tell(self, lines: int) -> None:
        if self.on_batch and lines:
            self.on_batch(lines)

    def stream(self, lines: Iterator[str], source: str, target: str) -> Iterator[str]:
        """The same over any number of lines, `buffer_size` at a time; draws again from the seed."""
        torch.manual_seed(self.config.seed)
        while portion := list(islice(lines, self.config.buffer_size)):
            yield from self.translate(portion, source, target)

    def _source(self, line: str, language: str) -> Tensor | None:
        opened = self._opened
        sentence = opened.sentence(line)
        if len(sentence) == 1:
            return None
        room = self._longest - (opened.tokens.source_style != "none")
        self.cut += len(sentence) > room
        return opened.source(sentence, opened.tokens, language, self._longest)

    def _batch(self, sources: list[Tensor], target: str) -> list[str]:
        opened = self._opened
        tokens = padded(sources, opened.tokens.dictionary.pad()).to(opened.device)
        lengths = torch.tensor([len(source) for source in sources], device=opened.device)
        sample = {"net_input": {"src_tokens": tokens, "src_lengths": lengths}}
        prefix = opened.tokens.prefix(len(sources), target).to(opened.device)
        found = self._task.inference_step(self._generator, [opened.model], sample, prefix_tokens=prefix)
        return [self._text(candidates[0]["tokens"]) for candidates in found]

    def _text(self, tokens: Tensor) -> str:
        """Tokens to a line, as fairseq's `--remove-bpe sentencepiece` joins pieces; byte pieces become characters."""
        dictionary, pieces, ignored = self._opened.tokens.dictionary, self._opened.pieces, self._opened.tokens.indices
        line: str = dictionary.string(tokens.int().cpu(), extra_symbols_to_ignore=ignored)
        if pieces is None:
            return line
        if _BYTE.search(line):
            return pieces.decode(line.split(" ")).replace("\n", " ")
        return str(data_utils.post_process(line, "sentencepiece"))
