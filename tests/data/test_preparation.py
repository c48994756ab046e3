"""Which files are read, what SentencePiece sees, how the dictionary ends, and that processes change nothing."""

from __future__ import annotations

import pytest

from fairseq_xling.data.preparation import (
    Sources,
    binarise_all,
    find_pairs,
    make_dictionary,
    make_pieces,
    texts_of,
)
from fairseq_xling.errors import CheckpointError, ConfigError
from fairseq_xling.mining.assemble import AssemblyConfig
from fairseq_xling.text.pieces import PiecesConfig, read_dictionary

SAMPLE = AssemblyConfig()


def write(folder, **texts):
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name.replace("__", "-").replace("_", ".")).write_text(text * 20, encoding="utf-8")


@pytest.fixture
def sources(tmp_path):
    write(tmp_path, mono_aa="the cat sat on a mat\n", mono_bb="der hund lag\n")
    write(tmp_path / "p", train_aa__bb_aa="a cat\n", train_aa__bb_bb="ein hund\n")
    write(tmp_path / "p", test_aa__bb_aa="a quiz\n", test_aa__bb_bb="kein yak\n")
    mono = {code: str(tmp_path / f"mono.{code}") for code in ("aa", "bb")}
    return Sources(["aa", "bb"], mono, find_pairs([str(tmp_path / "p")], ["aa", "bb"]))


def built(sources, folder, workers=1, **more):
    folder.mkdir()
    pieces = make_pieces(folder, more.get("spm"), sources, PiecesConfig(vocabulary=21))
    make_dictionary(folder, pieces, more.get("dict"), sources.languages)
    moved = list[int]()
    counts = binarise_all(texts_of(sources, folder, SAMPLE), folder, workers, moved.append)
    return counts, moved


def test_sentencepiece_sees_training_texts_only(sources, tmp_path):
    built(sources, tmp_path / "data")
    letters = set("".join(read_dictionary(tmp_path / "data" / "dict.txt")[:-3]))
    assert "d" in letters
    assert not letters & set("qzyk"), "letters of the test set"


def test_the_dictionary_ends_with_language_tokens_and_mask(sources, tmp_path):
    built(sources, tmp_path / "data")
    symbols = read_dictionary(tmp_path / "data" / "dict.txt")
    assert symbols[-3:] == ["[aa]", "[bb]", "<mask>"]
    # Given again, complete or without its end, it stays what it is.
    shorter = tmp_path / "plain.txt"
    shorter.write_text("".join(f"{symbol} 1\n" for symbol in symbols[:-3]), encoding="utf-8")
    for number, given in enumerate((tmp_path / "data" / "dict.txt", shorter)):
        folder = tmp_path / f"again{number}"
        built(sources, folder, spm=str(tmp_path / "data" / "spm.model"), dict=str(given))
        assert read_dictionary(folder / "dict.txt") == symbols
        names = [path.name for path in folder.glob("*.bin")]
        assert sorted(names) == sorted(path.name for path in (tmp_path / "data").glob("*.bin"))
        assert all((folder / n).read_bytes() == (tmp_path / "data" / n).read_bytes() for n in [*names, "spm.model"])


@pytest.mark.plugin  # two processes that import fairseq take their time
def test_processes_change_nothing(sources, tmp_path):
    alone, moved = built(sources, tmp_path / "one")
    together, moved_too = built(sources, tmp_path / "two", workers=2)
    assert alone == together
    assert sum(moved_too) == 80
    written = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(written) == 2 + 8 + 8
    for name in written:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_a_foreign_dictionary_is_refused(sources, tmp_path):
    (tmp_path / "dict.txt").write_text("zebra 1\n")
    with pytest.raises(CheckpointError, match="no pieces of"):
        built(sources, tmp_path / "data", dict=str(tmp_path / "dict.txt"))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"train_aa__bb_aa": "x\n"}, "train.aa-bb.bb is missing beside"),
        ({"train_aa__cc_aa": "x\n", "train_aa__cc_cc": "x\n"}, "is not SPLIT.xx-yy.xx of two of the languages aa, bb"),
        ({"train_aa__bb_tsv": "x\n"}, "Assemble with --format moses"),
        ({"readme": "x\n"}, "has no train.xx-yy.xx"),
    ],
)
def test_folders_that_are_not_understood(tmp_path, texts, message):
    write(tmp_path / "p", **texts)
    with pytest.raises(ConfigError, match=message):
        find_pairs([str(tmp_path / "p")], ["aa", "bb"])


def test_all_faults_of_all_folders_at_once(tmp_path):
    write(tmp_path / "p", train_aa__bb_aa="x\n", train_aa__bb_bb="x\n", train_pairs_tsv="ids\n")
    write(tmp_path / "q", train_bb__aa_aa="x\n", train_bb__aa_bb="x\n")
    with pytest.raises(ConfigError) as caught:
        find_pairs([str(tmp_path / name) for name in ("p", "q", "none")], ["aa", "bb"])
    assert [fault.split(" ")[0] for fault in caught.value.faults] == ["--pairs", "train.aa-bb", "train.bb-aa"]
