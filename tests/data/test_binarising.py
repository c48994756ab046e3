"""Data sets from raw lines, against fairseq's own binariser on the same pieces."""

from __future__ import annotations

import pytest
from fairseq.binarizer import FileBinarizer, VocabularyDatasetBinarizer
from fairseq.data import data_utils

from fairseq_xling.data.binarising import Cutter, Text, binarise, binarise_in_worker, lines_of
from fairseq_xling.data.pairs import open_dictionary
from fairseq_xling.errors import CorpusError
from fairseq_xling.mining.assemble import AssemblyConfig
from fairseq_xling.text.pieces import PiecesConfig, train_pieces

LINES = ["the cat sat", "a dog sat on the mat", "", "the mat sat on a cat", "Ω is unknown", "dog"]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a").write_text("\n".join(LINES) + "\n", encoding="utf-8")
    (tmp_path / "b").write_text("\n".join(["cat", "", "dog", "a mat", "sat", "the dog"]) + "\n", encoding="utf-8")
    (tmp_path / "known").write_text("\n".join(line for line in LINES if "Ω" not in line) + "\n", encoding="utf-8")
    pieces = train_pieces([tmp_path / "known"], tmp_path / "spm.model", PiecesConfig(vocabulary=18))
    (tmp_path / "dict.txt").write_text("".join(f"{symbol} 1\n" for symbol in pieces.symbols()), encoding="utf-8")
    return tmp_path


@pytest.fixture
def cutter(files):
    return Cutter.open(str(files / "spm.model"), str(files / "dict.txt"))


def read(files, prefix):
    dictionary = open_dictionary(str(files / "dict.txt"))
    data_set = data_utils.load_indexed_dataset(str(files / prefix), dictionary, "mmap")
    return [dictionary.string(row, "sentencepiece") for row in data_set]


def test_bytes_are_those_of_fairseq_preprocess(files, cutter):
    text = Text("a", (str(files / "a"),), {"test": (str(files / "out"),)}, keep_empty=True, write_pieces=True)
    counts = binarise(text, cutter)
    assert (files / "out").read_text().split("\n")[:-1] == list(cutter.pieces.encode_lines(LINES))
    summary = FileBinarizer.multiprocess_dataset(
        str(files / "out"),
        "mmap",
        VocabularyDatasetBinarizer(cutter.dictionary),
        str(files / "theirs"),
        vocab_size=len(cutter.dictionary),
    )
    for ending in (".bin", ".idx"):
        assert (files / f"out{ending}").read_bytes() == (files / f"theirs{ending}").read_bytes()
    assert (counts.tokens, counts.unknown) == (summary.num_tok, summary.num_replaced)
    assert counts.unknown > 0
    assert counts.sentences == {"test": 6}


def test_a_pair_with_an_empty_side_is_left_out(files, cutter):
    out = {"train": (str(files / "x.a"), str(files / "x.b"))}
    counts = binarise(Text("x", (str(files / "a"), str(files / "b")), out), cutter)
    assert (counts.sentences, counts.empty) == ({"train": 4}, 2)
    assert read(files, "x.b") == ["cat", "a mat", "sat", "the dog"]
    assert read(files, "x.a")[1] == LINES[3]


def test_validation_lines_are_drawn_and_missing_from_training(files, cutter):
    text = Text(
        "a",
        (str(files / "known"),),
        {"train": (str(files / "train"),), "valid": (str(files / "valid"),)},
        AssemblyConfig(validation=2, validation_share=0.5),
    )
    done = list[int]()
    counts = binarise(text, cutter, done.append)
    both = read(files, "train") + read(files, "valid")
    assert sorted(both) == sorted(line for line in LINES if line and "Ω" not in line)
    assert counts.sentences["valid"] in (1, 2)
    assert (lines_of(text), counts.empty) == (5, 1)
    again = binarise_in_worker(text, str(files / "spm.model"), str(files / "dict.txt"))
    assert again == ("a", counts)


def test_faults(files, cutter):
    (files / "short").write_text("cat\n")
    (files / "nothing").write_text("\n \n")
    with pytest.raises(CorpusError, match=r"short ends after 1 lines, but .*a goes on"):
        binarise(
            Text("x", (str(files / "a"), str(files / "short")), {"train": (str(files / "x"), str(files / "y"))}), cutter
        )
    out = {"train": (str(files / "x"),)}
    with pytest.raises(CorpusError, match=r"nothing: no sentence is left for train \(2 lines are empty\)"):
        binarise(Text("x", (str(files / "nothing"),), out), cutter)
