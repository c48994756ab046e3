"""Foreign vocabularies as dictionaries with the same numbers; what does not fit is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from transformers import MBartTokenizer

from fairseq_xling.errors import CheckpointError
from fairseq_xling.interchange.sentencepiece_model import read_sentencepiece
from fairseq_xling.interchange.vocabulary import read_vocabulary
from fairseq_xling.languages import MBART_CC25

FIRST = ["<s>", "<pad>", "</s>", "<unk>"]


@pytest.fixture
def folder(tmp_path: Path, spm: Path) -> Path:
    """With nothing but the SentencePiece model, as the oldest folders have it."""
    (tmp_path / "hf").mkdir()
    shutil.copyfile(spm, tmp_path / "hf" / "sentencepiece.bpe.model")
    return tmp_path / "hf"


def pieces(folder: Path) -> list[str]:
    return [piece for piece, _, _ in read_sentencepiece(folder / "sentencepiece.bpe.model").pieces[3:]]


def write_fast(folder: Path, symbols: list[str], special: list[str], **model: object) -> None:
    added = [{"id": symbols.index(token), "content": token, "special": True} for token in special]
    listed = {"vocab": [[symbol, 0.0] for symbol in symbols], **model}
    (folder / "tokenizer.json").write_text(json.dumps({"model": listed, "added_tokens": added}))


def test_the_ids_of_mbart_tokenizer(folder: Path) -> None:
    """Hugging Face's own class says which number each token has: fairseq's, because mBART's weights were converted."""
    inside = pieces(folder)
    vocabulary = [(token, 0.0) for token in [*FIRST, *inside, *MBART_CC25, "<mask>"]]
    theirs = MBartTokenizer(vocab=vocabulary)
    theirs.save_pretrained(folder)
    ours = read_vocabulary(folder, True, len(vocabulary))
    assert ours.path.name == "tokenizer.json"
    assert ours.languages == MBART_CC25
    assert ours.source_token == "suffix"
    for token in [*FIRST, *inside, "<mask>"]:
        assert ours.dictionary.index(token) == theirs.convert_tokens_to_ids(token)
    for code in MBART_CC25:
        assert ours.dictionary.index(f"[{code}]") == theirs.convert_tokens_to_ids(code)


@pytest.mark.parametrize("is_mbart", [True, False])
def test_from_the_sentencepiece_model_alone(folder: Path, is_mbart: bool) -> None:
    languages = [f"[{code}]" for code in MBART_CC25] if is_mbart else []
    expected = [*FIRST, *pieces(folder), *languages, "<mask>"]
    found = read_vocabulary(folder, is_mbart, len(expected))
    assert list(found.dictionary.symbols) == expected
    assert found.languages == (MBART_CC25 if is_mbart else ())


def test_tokens_as_a_mapping(folder: Path) -> None:
    symbols = [*FIRST, "b", "a", "[xx]", "<mask>"]
    write_fast(folder, symbols, ["[xx]", "<mask>"], vocab={token: i for i, token in enumerate(symbols[:6])})
    found = read_vocabulary(folder, True, 8)
    assert list(found.dictionary.symbols) == symbols
    assert found.languages == ("xx",)


def test_our_own_dictionary_comes_first(folder: Path) -> None:
    write_fast(folder, [*FIRST, "z", "<mask>"], ["<mask>"])
    (folder / "dict.txt").write_text("a 7\n[fur] 1\n<mask> 1\n")
    found = read_vocabulary(folder, True, 7)
    assert found.path == folder / "dict.txt"
    assert found.dictionary.count[4] == 7
    assert found.languages == ("fur",)


@pytest.mark.parametrize(
    ("symbols", "fault"),
    [
        ([*FIRST, "a", "b", "<mask>"], "has 7 symbols, but the model has 8 rows"),
        (["<pad>", "</s>", "<unk>", "a", "b", "c", "d", "<mask>"], "begins with <pad> </s> <unk> a"),
        ([*FIRST, "a", "a", "b", "<mask>"], "has 1 symbols twice"),
    ],
)
def test_symbols_that_do_not_fit(folder: Path, symbols: list[str], fault: str) -> None:
    write_fast(folder, symbols, ["<mask>"])
    with pytest.raises(CheckpointError, match=fault):
        read_vocabulary(folder, False, 8)


def test_a_gap(folder: Path) -> None:
    write_fast(folder, FIRST, [], vocab={**{token: i for i, token in enumerate(FIRST)}, "a": 5})
    with pytest.raises(CheckpointError, match="has no token number 4"):
        read_vocabulary(folder, False, 6)


@pytest.mark.parametrize("content", ["no json", "{}", '{"model": {"vocab": 3}}'])
def test_no_tokenizer(folder: Path, content: str) -> None:
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(CheckpointError, match="is not a tokenizer of Hugging Face's"):
        read_vocabulary(folder, False, 6)


def test_no_vocabulary_at_all(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"neither tokenizer\.json nor sentencepiece\.bpe\.model"):
        read_vocabulary(tmp_path, True, 6)


def test_mbart_50_reads_sources_in_another_way(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "MBart50Tokenizer"}')
    with pytest.raises(CheckpointError, match=r"is an mBART-50, which reads `\[src\] x </s>`"):
        read_vocabulary(folder, True, 6)
