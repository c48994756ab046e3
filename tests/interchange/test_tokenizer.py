"""tokenizer.json against SentencePiece and the dictionary, on text of every sort."""

from __future__ import annotations

import random
import sys
import unicodedata
from pathlib import Path

import pytest
import sentencepiece
from fairseq.data import data_utils
from tokenizers import Tokenizer

from fairseq_xling.errors import CheckpointError, MissingDependencyError
from fairseq_xling.interchange.sentencepiece_model import read_sentencepiece
from fairseq_xling.interchange.tokenizer import REQUIREMENT, fast_tokenizer, merges
from fairseq_xling.text.pieces import Pieces

FIRST, LAST = ["<s>", "<pad>", "</s>", "<unk>"], ["[aa]", "[fur]", "<mask>"]
# What a line may be made of, and its characters; ranges of Unicode are without the marks that combine.
POOLS = {
    "the alphabet": "abcdefghijklmnopqrsté'àöñçß ",
    "markup": "abcdefgu <>[]/ks",
    "latin": "".join(map(chr, range(0x20, 0x250))),
    "spaces": " \t\u00a0\u2003\u3000\u200b\u2028\ufeff\u2581ab",
    "controls": "".join(map(chr, range(32))) + "ab ",
    "greek and cyrillic": "".join(c for c in map(chr, range(0x370, 0x500)) if unicodedata.category(c)[0] != "M"),
    "emoji": "".join(map(chr, range(0x1F300, 0x1F700))) + "ab ",
    "wide": "".join(map(chr, range(0xFF00, 0xFF60))),
    "han": "".join(map(chr, range(0x4E00, 0x4F00))),
}
ODD = ["", " ", "  ", "▁", "▁a", "a▁ ", " ▁ a ▁ ", "a  b", "a</s>b", "x<unk>y", "<mask>", "a [fur]b", "[aa]", "<0x41>"]
ODD += ["ﬁ ½ ™ …", "Ｆｕｌｌ", "e\u0301 a\u0300", "שָׁלוֹם", "العَرَبِيَّة", "हिन्दी", "👍🏽 ❤️"]


def tokens_of(spm: Path) -> list[str]:
    return [*FIRST, *Pieces(spm).symbols(), *LAST]


def tokenizer(spm: Path, symbols: list[str], template: list[str]) -> Tokenizer:
    """As it is after a journey through the file, with what tokenizer_config.json says of special tokens."""
    made = fast_tokenizer(read_sentencepiece(spm), symbols, [*FIRST, *LAST], template)
    again = Tokenizer.from_str(made.to_str())
    again.encode_special_tokens = True
    return again


class Expected:
    """SentencePiece's pieces by their place in the dictionary, one `<unk>` for what it does not know."""

    def __init__(self, spm: Path, symbols: list[str]) -> None:
        self.model = sentencepiece.SentencePieceProcessor(model_file=str(spm))
        self.ids = {symbol: number for number, symbol in enumerate(symbols)}

    def __call__(self, line: str) -> list[int]:
        unknown = self.model.unk_id()
        return [
            3 if number == unknown else self.ids[self.model.id_to_piece(number)] for number in self.model.encode(line)
        ]


def test_lines_of_the_text(spm: Path, lines: list[str]) -> None:
    symbols = tokens_of(spm)
    expected, found = Expected(spm, symbols), tokenizer(spm, symbols, ["$A"])
    assert all(found.encode(line).ids == expected(line) for line in lines)
    assert [found.encode(line).ids for line in ODD] == [expected(line) for line in ODD]


@pytest.mark.parametrize("pool", POOLS)
def test_random_text(spm: Path, pool: str) -> None:
    symbols, rng = tokens_of(spm), random.Random(3)
    expected, found = Expected(spm, symbols), tokenizer(spm, symbols, ["$A"])
    made = ["".join(rng.choices(POOLS[pool], k=rng.randint(1, 25))) for _ in range(400)]
    assert [line for line in made if found.encode(line).ids != expected(line)] == []


def test_what_differs_is_mended_by_nfc(spm: Path) -> None:
    """The documented exception: letters spelt as several characters, two marks on one letter or none of them Latin."""
    symbols = tokens_of(spm)
    expected, found = Expected(spm, symbols), tokenizer(spm, symbols, ["$A"])
    composed = ["Tiếng Việt có sáu thanh điệu", "안녕하세요 세계", "ガギグ パピプ がぎぐ"]
    for line in composed:
        assert found.encode(line).ids == expected(line)
        assert expected(unicodedata.normalize("NFD", line)) == expected(line)


@pytest.mark.parametrize(
    ("template", "before", "behind"),
    [
        (["$A", "</s>"], [], ["</s>"]),
        (["$A", "</s>", "[fur]"], [], ["</s>", "[fur]"]),
        (["<s>", "$A", "</s>"], ["<s>"], ["</s>"]),
    ],
)
def test_templates(spm: Path, template: list[str], before: list[str], behind: list[str]) -> None:
    symbols = tokens_of(spm)
    expected, found = Expected(spm, symbols), tokenizer(spm, symbols, template)
    around = [[symbols.index(token) for token in side] for side in (before, behind)]
    assert found.encode("abc de").ids == [*around[0], *expected("abc de"), *around[1]]
    both = [*around[0], *expected("a"), *around[1], *around[0], *expected("b"), *around[1]]
    assert found.encode("a", "b").ids == both


def test_text_again(spm: Path, lines: list[str]) -> None:
    """Joined as `translate` joins pieces; bytes become characters again, special tokens are left out."""
    symbols = tokens_of(spm)
    found, pieces = tokenizer(spm, symbols, ["$A", "</s>", "[aa]"]), Pieces(spm)
    for line in lines[:200]:
        expected = data_utils.post_process(" ".join(pieces.encode(line)), "sentencepiece")
        assert found.decode(found.encode(line).ids) == expected == line
    if read_sentencepiece(spm).byte_fallback:
        assert found.decode(found.encode("xyz 語 😀").ids) == "xyz 語 😀"


def test_pieces_that_are_no_symbols_are_left_out(spm: Path) -> None:
    symbols = tokens_of(spm)
    gone = next(symbol for symbol in symbols if len(symbol) > 2 and symbol.isalpha())
    fewer = [symbol for symbol in symbols if symbol != gone]
    encoded = tokenizer(spm, fewer, ["$A"]).encode(gone)
    assert gone not in encoded.tokens
    assert "".join(encoded.tokens) == f"▁{gone}"


def test_symbols_that_are_no_pieces_are_never_found(spm: Path) -> None:
    symbols = [*tokens_of(spm)[:-3], "madeupword0000", *LAST]
    expected, found = Expected(spm, symbols), tokenizer(spm, symbols, ["$A"])
    assert found.encode("madeupword0000").ids == expected("madeupword0000")
    assert found.get_vocab_size() == len(symbols)
    assert all(found.token_to_id(symbol) == number for number, symbol in enumerate(symbols))


def test_merges_by_hand() -> None:
    scores = {"a": -9.0, "b": -9.0, "ab": -1.0, "aba": 0.0, "xy": -2.0}
    assert merges(scores) == [("ab", "a"), ("a", "b")]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"model_type": "char"}, "is of a kind other than unigram and bpe"),
        ({"user_defined_symbols": ["<x>"]}, "has user-defined symbols"),
        ({"treat_whitespace_as_suffix": True}, "puts spaces behind words"),
    ],
)
def test_models_that_cannot_be_converted(tmp_path: Path, lines: list[str], options: dict, fault: str) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(tmp_path / "m"), hard_vocab_limit=False, minloglevel=2,
        **{"vocab_size": 200, **options},
    )  # fmt: skip
    path = tmp_path / "m.model"
    with pytest.raises(CheckpointError, match=fault):
        fast_tokenizer(read_sentencepiece(path), [*FIRST, *Pieces(path).symbols()], FIRST, ["$A"])


@pytest.mark.parametrize(
    "options",
    [
        {"normalization_rule_name": "identity"},
        {"normalization_rule_name": "nmt_nfkc_cf"},
        {"add_dummy_prefix": False},
        {"remove_extra_whitespaces": False},
    ],
)
def test_other_ways_to_normalise(tmp_path: Path, lines: list[str], options: dict) -> None:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(tmp_path / "m"), vocab_size=200, minloglevel=2, **options
    )
    path = tmp_path / "m.model"
    symbols, rng = tokens_of(path), random.Random(5)
    expected, found = Expected(path, symbols), tokenizer(path, symbols, ["$A"])
    made = ["".join(rng.choices("abcde AB\t▁Éﬁ  ", k=rng.randint(0, 15))) for _ in range(400)]
    assert [line for line in made if found.encode(line).ids != expected(line)] == []


def test_without_tokenizers(spm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingDependencyError, match="pip install 'transformers>=5' safetensors"):
        fast_tokenizer(read_sentencepiece(spm), tokens_of(spm), FIRST, ["$A"])


def test_the_extra_asks_for_the_same(root: Path) -> None:
    assert f'"huggingface": ["{REQUIREMENT}", "safetensors"]' in (root / "setup.py").read_text(encoding="utf-8")
