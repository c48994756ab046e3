"""Raw lines to token ids, as fairseq-preprocess would have binarised their pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from fairseq.data import Dictionary
from torch import Tensor

from fairseq_xling.data.language_tokens import LanguageTokens
from fairseq_xling.errors import ConfigError

Pieces = Callable[[str], Sequence[str]]


def load_pieces(model: str) -> Pieces:
    """A SentencePiece model as the function from a line to its pieces."""
    import sentencepiece

    if not Path(model).is_file():
        raise ConfigError(f"SentencePiece model {model} does not exist. Check the path (--criss-sentencepiece).")
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.Load(model)
    except (RuntimeError, OSError) as error:
        raise ConfigError(f"{model} is not a SentencePiece model ({str(error).strip()}). Name another.") from error
    return processor.EncodeAsPieces


def encode_line(line: str, dictionary: Dictionary, pieces: Pieces | None = None) -> Tensor:
    """A line to `x </s>` [length] int64; without `pieces` the line consists of pieces between spaces already."""
    symbols = line.split() if pieces is None else pieces(line)
    ids = [dictionary.index(symbol) for symbol in symbols]
    return torch.tensor([*ids, dictionary.eos()], dtype=torch.long)


def source_tokens(line: str, language: str, tokens: LanguageTokens, pieces: Pieces | None = None) -> Tensor:
    """A raw line in `language` to the encoder's input, with the language token where the style has one."""
    return tokens.source(encode_line(line, tokens.dictionary, pieces), language)
