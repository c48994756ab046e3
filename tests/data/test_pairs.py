"""Sentence pairs from files: what is read, how it is combined, what is said when it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fairseq.data import indexed_dataset
from references import small_criss

from fairseq_xling.data.pairs import Shard, load_dictionary
from fairseq_xling.data.sentences import encode_line
from fairseq_xling.errors import CorpusError
from fairseq_xling.languages import Pair

AB, BA, CA = Pair("aa", "bb"), Pair("bb", "aa"), Pair("cc", "aa")


def binarise(path: Path, lines: list[str]) -> None:
    """What fairseq-preprocess writes with --dataset-impl mmap."""
    symbols = small_criss.dictionary()
    builder = indexed_dataset.make_builder(f"{path}.bin", impl="mmap", vocab_size=len(symbols))
    for line in lines:
        builder.add_item(encode_line(line, symbols).int())
    builder.finalize(f"{path}.idx")


def write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


@pytest.fixture(params=["mmap", "raw"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path, kind: str) -> Path:
    """train.aa-bb, train1.aa-bb and valid.aa-cc."""
    put = write if kind == "raw" else binarise
    put(tmp_path / "train.aa-bb.aa", ["w1 w2", "w3"])
    put(tmp_path / "train.aa-bb.bb", ["w5", "w6 w7"])
    put(tmp_path / "train1.aa-bb.aa", ["w4"])
    put(tmp_path / "train1.aa-bb.bb", ["w8"])
    put(tmp_path / "valid.aa-cc.aa", ["w1"])
    put(tmp_path / "valid.aa-cc.cc", ["w9 w9"])
    return tmp_path


def shard(folder: Path, kind: str) -> Shard:
    return Shard(str(folder), small_criss.language_tokens(), kind if kind == "raw" else None)


def ids(*words: int) -> list[int]:
    return [4 + word for word in words]


def test_both_directions_of_one_file_pair(folder: Path, kind: str) -> None:
    found = shard(folder, kind).directions("train", [AB, BA])
    tokens = small_criss.language_tokens()
    aa, bb = tokens.index("aa"), tokens.index("bb")
    assert [len(found[AB]), len(found[BA])] == [2, 2]
    assert found[AB][0]["source"].tolist() == [*ids(1, 2), 2]
    assert found[AB][0]["target"].tolist() == [bb, *ids(5), 2]
    assert found[BA][1]["source"].tolist() == [*ids(6, 7), 2]
    assert found[BA][1]["target"].tolist() == [aa, *ids(3), 2]
    assert found[AB].sizes.tolist() == [[3, 3], [2, 4]]


def test_training_combines_numbered_files(folder: Path, kind: str) -> None:
    found = shard(folder, kind).directions("train", [AB], combine=True)[AB]
    assert [found[i]["source"].tolist() for i in range(len(found))] == [[*ids(1, 2), 2], [*ids(3), 2], [*ids(4), 2]]
    assert found[2]["target"].tolist()[1:] == [*ids(8), 2]


def test_against_the_order_of_the_name(folder: Path, kind: str) -> None:
    found = shard(folder, kind).directions("valid", [CA])[CA]
    assert found[0]["source"].tolist() == [*ids(9, 9), 2]


def test_all_missing_pairs_are_said_at_once(folder: Path, kind: str) -> None:
    with pytest.raises(CorpusError) as raised:
        shard(folder, kind).directions("train", [AB, BA, CA, CA.reversed, Pair("bb", "cc")])
    ending = "" if kind == "raw" else ".bin"
    text = str(raised.value)
    assert f"no train data for aa-cc, bb-cc: neither train.aa-cc.aa{ending} nor train.cc-aa.aa{ending} is there" in text
    assert "--criss-pairs" in text
    with pytest.raises(CorpusError, match="--criss-eval-pairs"):
        shard(folder, kind).directions("valid", [AB])


def test_text_where_binarised_data_is_expected(tmp_path: Path) -> None:
    write(tmp_path / "train.aa-bb.aa", ["w1"])
    write(tmp_path / "train.aa-bb.bb", ["w1"])
    with pytest.raises(CorpusError, match="text of that name is.*--dataset-impl raw"):
        shard(tmp_path, "mmap").directions("train", [AB])


def test_one_side_missing(folder: Path, kind: str) -> None:
    for path in folder.glob("train.aa-bb.bb*"):
        path.unlink()
    with pytest.raises(CorpusError, match="no train data for aa-bb"):
        shard(folder, kind).directions("train", [AB])


def test_empty_files(tmp_path: Path, kind: str) -> None:
    for language in AB:
        path = tmp_path / f"train.aa-bb.{language}"
        write(path, []) if kind == "raw" else binarise(path, [])
    with pytest.raises(CorpusError, match=r"train\.aa-bb\.aa has no sentences"):
        shard(tmp_path, kind).directions("train", [AB])


def test_sides_of_different_length(tmp_path: Path, kind: str) -> None:
    put = write if kind == "raw" else binarise
    put(tmp_path / "train.aa-bb.aa", ["w1", "w2"])
    put(tmp_path / "train.aa-bb.bb", ["w1"])
    with pytest.raises(CorpusError, match="has 2 sentences, but its other side bb has 1: line i must translate line i"):
        shard(tmp_path, kind).directions("train", [AB])


def test_raw_text_through_pieces(tmp_path: Path) -> None:
    write(tmp_path / "train.aa-bb.aa", ["w1+w2", ""])
    write(tmp_path / "train.aa-bb.bb", ["w3", "a\u2028b"])
    text = Shard(str(tmp_path), small_criss.language_tokens(), "raw", lambda line: line.split("+"))
    found = text.directions("train", [AB])[AB]
    assert found[0]["source"].tolist() == [*ids(1, 2), 2]
    assert torch.equal(found[1]["target"][1:], torch.tensor([3, 2]))  # one unknown piece: U+2028 ends no line


class TestDictionary:
    def test_joined(self, tmp_path: Path) -> None:
        small_criss.dictionary(words=2, languages=None).save(str(tmp_path / "dict.txt"))
        found, path = load_dictionary(str(tmp_path), None)
        assert found.symbols[4:] == ["w0", "w1"]
        assert path == str(tmp_path / "dict.txt")

    def test_one_for_each_language(self, tmp_path: Path) -> None:
        for language in ("aa", "bb"):
            small_criss.dictionary(words=2, languages=None).save(str(tmp_path / f"dict.{language}.txt"))
        small_criss.dictionary(words=9, languages=None).save(str(tmp_path / "dict.other.txt"))
        found, _ = load_dictionary(str(tmp_path), ["aa", "bb"])
        assert found.symbols[4:] == ["w0", "w1"]
        with pytest.raises(CorpusError, match=r"dict\.aa\.txt and dict\.other\.txt differ"):
            load_dictionary(str(tmp_path), None)

    def test_faults(self, tmp_path: Path) -> None:
        with pytest.raises(CorpusError, match="gone does not exist"):
            load_dictionary(str(tmp_path / "gone"), None)
        with pytest.raises(CorpusError, match=r"neither dict\.txt nor dict\.LANGUAGE\.txt"):
            load_dictionary(str(tmp_path), None)
        write(tmp_path / "dict.txt", ["no count"])
        with pytest.raises(CorpusError, match=r"dict\.txt is not a dictionary"):
            load_dictionary(str(tmp_path), None)
