"""What is read from a model file is what SentencePiece itself says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sentencepiece

from fairseq_xling.errors import CheckpointError
from fairseq_xling.interchange.sentencepiece_model import (
    BPE,
    BYTE,
    CONTROL,
    NORMAL,
    UNIGRAM,
    UNKNOWN,
    USER_DEFINED,
    read_sentencepiece,
)


def test_pieces_scores_and_kinds(spm: Path) -> None:
    expected = sentencepiece.SentencePieceProcessor(model_file=str(spm))
    model = read_sentencepiece(spm)
    assert len(model.pieces) == expected.get_piece_size()
    for number, (piece, score, kind) in enumerate(model.pieces):
        assert (piece, score) == (expected.id_to_piece(number), expected.get_score(number))
        flags = {CONTROL: expected.is_control, UNKNOWN: expected.is_unknown, BYTE: expected.is_byte}
        assert [of for of, is_of in flags.items() if is_of(number)] == ([] if kind == NORMAL else [kind])
    assert model.byte_fallback == any(kind == BYTE for _, _, kind in model.pieces)
    assert (model.dummy_prefix, model.remove_extra_whitespaces, model.escape_whitespaces) == (True, True, True)
    assert len(model.charsmap) > 100_000


def test_options_that_are_not_the_defaults(tmp_path: Path, lines: list[str]) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(tmp_path / "m"), vocab_size=200, model_type="bpe",
        normalization_rule_name="identity", add_dummy_prefix=False, remove_extra_whitespaces=False,
        treat_whitespace_as_suffix=True, user_defined_symbols=["<x>"], minloglevel=2,
    )  # fmt: skip
    model = read_sentencepiece(tmp_path / "m.model")
    assert (model.kind, model.charsmap) == (BPE, b"")
    assert (model.dummy_prefix, model.remove_extra_whitespaces, model.whitespace_as_suffix) == (False, False, True)
    assert [piece for piece, _, kind in model.pieces if kind == USER_DEFINED] == ["<x>"]


def test_the_kind_where_it_is_not_written(spm: Path) -> None:
    assert read_sentencepiece(spm).kind in (UNIGRAM, BPE)


@pytest.mark.parametrize("content", [b"no model at all", b"\x0a\xff", b"\x0f"])
def test_what_is_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(CheckpointError, match="m is not a SentencePiece model"):
        read_sentencepiece(tmp_path / "m")


def test_half_a_model(tmp_path: Path, spm: Path) -> None:
    (tmp_path / "m").write_bytes(spm.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="ends too early"):
        read_sentencepiece(tmp_path / "m")
