"""Raw lines to ids, beside fairseq-preprocess' own encoding."""

from __future__ import annotations

from pathlib import Path

import pytest
import sentencepiece
import torch
from references import small_criss

from fairseq_xling.data.sentences import encode_line, load_pieces, source_tokens
from fairseq_xling.errors import ConfigError


@pytest.mark.parametrize("line", ["w1 w2", "", "  w3   new ", "w1\u2028w2"])
def test_as_fairseq_encodes_pieces(line: str) -> None:
    symbols = small_criss.dictionary()
    found = encode_line(line, symbols)
    assert found.dtype == torch.int64
    assert found.tolist() == symbols.encode_line(line, add_if_not_exist=False).tolist()


def test_pieces_and_style() -> None:
    tokens = small_criss.language_tokens("suffix")
    found = source_tokens("w1+w2", "cc", tokens, lambda line: line.split("+"))
    assert found.tolist() == [5, 6, 2, tokens.index("cc")]


def test_sentencepiece(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("le cjase e je grande\nil cjan al duâr\n" * 20, encoding="utf-8")
    sentencepiece.SentencePieceTrainer.Train(
        input=str(text), model_prefix=str(tmp_path / "spm"), vocab_size=40, minloglevel=2, hard_vocab_limit=False
    )
    pieces = load_pieces(str(tmp_path / "spm.model"))
    found = pieces("le cjase")
    assert "".join(found).replace("▁", " ").strip() == "le cjase"
    (tmp_path / "bad.model").write_text("no model")
    with pytest.raises(ConfigError, match=r"bad\.model is not a SentencePiece model"):
        load_pieces(str(tmp_path / "bad.model"))
    with pytest.raises(ConfigError, match=r"gone\.model does not exist"):
        load_pieces(str(tmp_path / "gone.model"))
