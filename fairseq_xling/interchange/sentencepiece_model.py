"""What a SentencePiece model file says: pieces, scores, kinds, normalisation; read without protobuf's library."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fairseq_xling.errors import CheckpointError
from fairseq_xling.files import read_bytes

# Numbers of fields and kinds in sentencepiece_model.proto.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
UNIGRAM, BPE = 1, 2
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}


@dataclass(frozen=True)
class SentencePieceModel:
    """A model file; `pieces` are (piece, score, kind) by number."""

    pieces: tuple[tuple[str, float, int], ...]
    kind: int
    byte_fallback: bool
    charsmap: bytes
    """Compiled normalisation rules; empty where text is taken as it is."""
    dummy_prefix: bool
    remove_extra_whitespaces: bool
    escape_whitespaces: bool
    whitespace_as_suffix: bool


def read_sentencepiece(path: str | os.PathLike[str]) -> SentencePieceModel:
    """Read a `.model` file; one that is none is the user's error."""
    try:
        top = list(_fields(read_bytes(path)))
        trainer, normalizer = (dict(_fields(_last(top, number))) for number in (_TRAINER, _NORMALIZER))
        pieces = tuple(_piece(value) for number, value in top if number == _PIECES)
    except (LookupError, ValueError, TypeError, struct.error) as fault:
        raise CheckpointError(f"{path} is not a SentencePiece model ({fault}). Name a .model file.") from fault
    return SentencePieceModel(
        pieces=pieces,
        kind=trainer.get(3, UNIGRAM),
        byte_fallback=bool(trainer.get(35, 0)),
        charsmap=bytes(normalizer.get(2, b"")),
        dummy_prefix=bool(normalizer.get(3, 1)),
        remove_extra_whitespaces=bool(normalizer.get(4, 1)),
        escape_whitespaces=bool(normalizer.get(5, 1)),
        whitespace_as_suffix=bool(trainer.get(24, 0)),
    )


def _piece(content: bytes) -> tuple[str, float, int]:
    fields = dict(_fields(content))
    return bytes(fields[1]).decode("utf-8"), float(fields.get(2, 0.0)), int(fields.get(3, NORMAL))


def _last(fields: list[tuple[int, Any]], wanted: int) -> bytes:
    found = [value for number, value in fields if number == wanted]
    return found[-1] if found else b""


def _fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """(field, value) of a message in protobuf's wire format: ints, floats and bytes."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(content, at)
            yield tag >> 3, value
            continue
        size, at = _varint(content, at) if kind == _BYTES else (_WIDTHS[kind], at)
        value = content[at : at + size]
        if len(value) < size:
            raise ValueError("it ends too early")
        at += size
        yield tag >> 3, struct.unpack("<f", value)[0] if kind == _FIXED32 else value


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
