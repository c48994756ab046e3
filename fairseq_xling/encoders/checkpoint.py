"""A checkpoint as a SentenceEncoder: mean of an encoder layer's states over all tokens (CRISS, section 3.1), or what
a dual encoder was trained to give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fairseq_xling.data.bucketing import batch_tokens, length_batches, padded, vectors_in_batches
from fairseq_xling.data.language_tokens import LanguageTokens
from fairseq_xling.encoders.opening import OpenModel
from fairseq_xling.encoders.options import EncodingConfig
from fairseq_xling.errors import ConfigError
from fairseq_xling.evaluation.tokens import TokenStates
from fairseq_xling.signatures import signature


class CheckpointEncoder:
    """Lines to vectors; the result does not depend on how lines are batched."""

    def __init__(self, opened: OpenModel, config: EncodingConfig = EncodingConfig()) -> None:  # noqa: B008 - frozen
        depth, layer = opened.model.depth, config.layer_number
        if layer is not None and layer > depth:
            raise ConfigError(f"`layer` {layer} is more than the {depth} layers of {opened.files.checkpoint}")
        longest = opened.longest
        if config.max_length is not None and config.max_length > longest:
            raise ConfigError(
                f"`max_length` {config.max_length} is more than the {longest} positions of {opened.files.checkpoint}"
            )
        self.config = config
        self.cut = 0
        """Sentences that were too long and lost their end, so far."""
        self.on_batch: Callable[[int], object] | None = None
        self._opened = opened
        self._longest = config.max_length or longest
        self._layer = None if layer == depth else layer
        self._tokens = self._styled()
        opened.move(config.device, config.precision)

    def _styled(self) -> LanguageTokens:
        given, wanted = self._opened.tokens, self.config.language_token
        return given if wanted is None else given.restyled("suffix" if wanted else "none")

    @property
    def dim(self) -> int:
        return self._opened.dim

    @property
    def signature(self) -> str:
        """Which checkpoint and how; what is left at its default but decides the vectors is said too."""
        special = {} if self.config.precision == "fp32" else {"precision": self.config.precision}
        if self.config.max_length is not None:
            special["max_length"] = str(self.config.max_length)
        pieces = self._opened.files.spm
        return signature(
            encoder="checkpoint",
            checkpoint=self._opened.short_hash,
            pieces=self._opened.inputs[str(pieces)][:8] if pieces else None,
            layer="last" if self._layer is None else self._layer,
            **self._reading(),
            **special,
        )

    def _reading(self) -> dict[str, str]:
        """How a sentence is read and, of a dual encoder, pooled."""
        pooling = getattr(self._opened.model, "pooling", None)
        if pooling is None:
            return {"language_token": self._tokens.source_style}
        return {"pooling": pooling, "first_token": "yes" if self._tokens.source_style == "first" else "no"}

    def check_language(self, language: str | None) -> None:
        """Refuse a language that the model does not know, and none where its token is needed."""
        if language is None and self._tokens.needs_language:
            raise ConfigError("the language token needs a language. Name it with --lang, or say --no-language-token")
        if language is not None and not self._tokens.reads(language):
            raise ConfigError(
                f"--lang {language} is not one of the model's languages ({', '.join(self._tokens.languages)}). To "
                "encode another language, without a token, leave --lang out"
            )

    def encode(self, lines: Sequence[str], language: str | None = None) -> npt.NDArray[np.float32]:
        """`lines` [n] to [n, dim] float32; an empty line is the vector of `</s>`, a line too long is cut."""
        sentences, pad = self._sentences(lines, language), self._tokens.dictionary.pad()
        vectors_of, device = partial(self._opened.model.joined_vectors, layer=self._layer), self._opened.device
        return vectors_in_batches(vectors_of, sentences, pad, self.config.max_tokens, device, self.on_batch)

    def token_states(self, lines: Sequence[str], language: str | None = None) -> TokenStates:
        """The layer's state of every token that is a part of a line; a line too long is cut."""
        sentences, dictionary = self._sentences(lines, language), self._tokens.dictionary
        special = {dictionary.bos(), dictionary.eos(), dictionary.pad(), *self._tokens.indices}
        inside = [torch.tensor([int(token) not in special for token in sentence]) for sentence in sentences]
        found = [np.empty((0, self.dim), np.float32)] * len(lines)
        budget = self.config.max_tokens or batch_tokens(self._opened.device)
        for batch in length_batches([len(sentence) for sentence in sentences], budget):
            rows = padded([sentences[i] for i in batch], dictionary.pad()).to(self._opened.device)
            with torch.no_grad():
                states = self._opened.model.token_states(rows, layer=self._layer).float().cpu()
            for place, i in enumerate(batch):  # padded on the left
                found[i] = states[place, -len(sentences[i]) :][inside[i]].numpy()
        pieces = [self._opened.split(line)[: len(rows)] for line, rows in zip(lines, found, strict=True)]
        starts = np.cumsum([0, *map(len, pieces)])
        words = [number for line in pieces for number in word_numbers(line)]
        tokens = [piece for line in pieces for piece in line]
        return TokenStates(np.concatenate(found), starts, np.array(words, np.int64), tokens, self.signature)

    def _sentences(self, lines: Sequence[str], language: str | None) -> list[Tensor]:
        """What the encoder reads; counts those that are cut."""
        self.check_language(language)
        opened, tokens, longest = self._opened, self._tokens, self._longest
        room = longest - tokens.added
        sentences = list[Tensor]()
        for sentence in opened.sentences(lines):
            self.cut += len(sentence) > room
            sentences.append(opened.source(sentence, tokens, language, longest))
        return sentences


def word_numbers(pieces: Sequence[str]) -> list[int]:
    """The number of each piece's word: SentencePiece marks a word's first one, unmarked pieces are words themselves."""
    first = [piece.startswith("▁") for piece in pieces]
    if not any(first):
        return list(range(len(pieces)))
    return [max(sum(first[: place + 1]) - 1, 0) for place in range(len(first))]
