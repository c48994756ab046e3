from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.errors import CheckpointError, ConfigError, CorpusError
from fairseq_xling.text.pieces import Pieces, PiecesConfig, read_dictionary, train_pieces

SYLLABLES = ["ca", "sa", "ve", "nt", "o", "ac", "qua", "é", "ß"]
SMALL = PiecesConfig(vocabulary=40, coverage=1.0)


def words(count: int, seed: int) -> list[str]:
    draw = np.random.default_rng(seed)
    return ["".join(draw.choice(SYLLABLES, size=draw.integers(1, 4))) for _ in range(count)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two files of 100 lines, the second compressed; a comma in a name separates nothing."""
    folder = tmp_path_factory.mktemp("corpus")
    texts = ["".join(" ".join(words(6, seed)) + "\n" for seed in range(start, start + 100)) for start in (0, 100)]
    (folder / "a,b.txt").write_text(texts[0], encoding="utf-8")
    (folder / "c.txt.gz").write_bytes(gzip.compress(texts[1].encode()))
    return [folder / "a,b.txt", folder / "c.txt.gz"]


@pytest.fixture(scope="module")
def pieces(corpus: list[Path]) -> Pieces:
    return train_pieces(corpus, corpus[0].parent / "spm.model", SMALL)


@given(st.lists(st.sampled_from(words(50, 7)), max_size=8))
def test_decoding_gives_the_line_back(pieces: Pieces, chosen: list[str]) -> None:
    line = " ".join(chosen)
    cut = pieces.encode(line)
    assert pieces.decode(cut) == line
    assert "".join(cut).replace("\u2581", " ").strip() == line
    assert set(cut) <= set(pieces.symbols())
    assert list(pieces.encode_lines([line, ""])) == [" ".join(cut), ""]


def test_training_twice_gives_the_same_bytes(corpus: list[Path], tmp_path: Path) -> None:
    models = [train_pieces(corpus, tmp_path / name, SMALL) for name in ("1.model", "2.model")]
    assert models[0].path.read_bytes() == models[1].path.read_bytes()
    assert models[0].signature == models[1].signature
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".model")] == []


def test_the_config_is_obeyed(corpus: list[Path], tmp_path: Path, pieces: Pieces) -> None:
    assert len(pieces) == 40
    assert len(pieces.symbols()) == 37
    bpe = train_pieces(corpus, tmp_path / "bpe.model", PiecesConfig(60, "bpe", 1.0))
    assert len(bpe) == 60
    assert bpe.signature != pieces.signature
    with_bytes = train_pieces(corpus, tmp_path / "b.model", PiecesConfig(300, "bpe", 1.0, byte_fallback=True))
    assert with_bytes.decode(with_bytes.encode("casa \U0001f600")) == "casa \U0001f600"
    assert with_bytes.encode("\U0001f600")[-1] == "<0x80>"


def test_a_dictionary_is_checked(pieces: Pieces, tmp_path: Path) -> None:
    symbols = pieces.symbols()
    path = tmp_path / "dict.txt"
    special = ["[fur]", "[en_XX]", "<mask>", "madeupword0000"]
    path.write_text("".join(f"{symbol} 1\n" for symbol in [*symbols, *special]), encoding="utf-8")
    assert read_dictionary(path) == [*symbols, *special]
    assert pieces.check_dictionary(path) == []
    path.write_text("".join(f"{symbol} 1\n" for symbol in symbols[2:]), encoding="utf-8")
    assert pieces.check_dictionary(path) == symbols[:2]
    path.write_text("\u2581foreign 3\n[not a token] 1\n", encoding="utf-8")
    with pytest.raises(
        CheckpointError, match=r"has 2 symbols that are no pieces of .*spm\.model, the first is `\u2581foreign`"
    ):
        pieces.check_dictionary(path)


def test_a_file_that_is_no_dictionary_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dict.txt"
    for line in ("word", "word x", " 1", ""):
        path.write_text(f"good 1\n{line}\n")
        with pytest.raises(CheckpointError, match=r"dict\.txt:2: not `symbol count`"):
            read_dictionary(path)
    path.write_text("<s> 1 #fairseq:overwrite\n")
    assert read_dictionary(path) == ["<s>"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (PiecesConfig(vocabulary=5000), r"give at most \d+ pieces, but 5000 are asked for"),
        (PiecesConfig(vocabulary=5, coverage=1.0), r"have \d+ characters and symbols that need a piece, but 5"),
        (
            PiecesConfig(vocabulary=2, coverage=0.0),
            r"2 faults: `vocabulary` must be at least 4.*--vocabulary-size.*`coverage`",
        ),
    ],
)
def test_impossible_sizes_say_what_is_possible(
    corpus: list[Path], tmp_path: Path, config: PiecesConfig, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        train_pieces(corpus, tmp_path / "m", config)
    assert list(tmp_path.iterdir()) == []


def test_unusable_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n\n")
    with pytest.raises(CorpusError, match="no text to train"):
        train_pieces([tmp_path / "empty"], tmp_path / "m", SMALL)
    with pytest.raises(CorpusError, match="none does not exist"):
        train_pieces([tmp_path / "none"], tmp_path / "m", SMALL)
    with pytest.raises(CheckpointError, match="empty is not a SentencePiece model"):
        Pieces(tmp_path / "empty")
