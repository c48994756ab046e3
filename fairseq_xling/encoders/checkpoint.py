"""A checkpoint as a SentenceEncoder: mean of an encoder layer's states over all tokens (CRISS, section 3.1), or what
a dual encoder was trained to give."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor

from fairseq_xling.data.bucketing import vectors_in_batches
from fairseq_xling.data.language_tokens import LanguageTokens
from fairseq_xling.encoders.opening import OpenModel
from fairseq_xling.encoders.options import EncodingConfig
from fairseq_xling.errors import ConfigError
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
        self.check_language(language)
        opened, tokens, longest = self._opened, self._tokens, self._longest
        room = longest - tokens.added
        sentences = list[Tensor]()
        for line in lines:
            sentence = opened.sentence(line)
            self.cut += len(sentence) > room
            sentences.append(opened.source(sentence, tokens, language, longest))
        pad = tokens.dictionary.pad()
        return vectors_in_batches(self._vectors, sentences, pad, self.config.max_tokens, self.on_batch)

    def _vectors(self, batch: Tensor) -> Tensor:
        return self._opened.model.sentence_vectors(batch.to(self._opened.device), layer=self._layer)
