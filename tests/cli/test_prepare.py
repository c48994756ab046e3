"""`prepare` as a person runs it: what it makes, and what it refuses."""

from __future__ import annotations

import json

import pytest
from references.written_model import prepare, write_texts

from fairseq_xling.cli.main import main
from fairseq_xling.files import read_manifest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_texts(tmp_path / "t", (40, 5, 6))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_data(folder, capsys):
    data = prepare(folder / "t", "--json", "--write-pieces")
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["languages"] == ["aa", "bb", "cc"]
    assert report["texts"]["aa"]["sentences"] == {"train": 38, "valid": 2}
    assert report["texts"]["test.bb-cc"]["sentences"] == {"test": 6}
    manifest = read_manifest(data / "manifest.json")
    assert manifest.kind == "prepared"
    assert manifest.counts["texts"] == report["texts"]
    assert {"dict.txt", "spm.model", "aa/valid.idx", "train.aa-bb.aa.bin"} <= manifest.outputs.keys()
    assert len(manifest.inputs) == 3 + 3 * 2 * 3
    assert "▁" in (data / "test.aa-bb.aa").read_text()
    assert "test.bb-cc" in captured.err


def test_the_same_again_gives_the_same_and_other_data_takes_its_model(folder):
    one = prepare(folder / "t")
    before = read_manifest(one / "manifest.json")
    assert read_manifest(prepare(folder / "t") / "manifest.json").outputs == before.outputs
    words = ["prepare", "--langs", "aa,bb,cc", "--pairs", "t/pairs", "--output", "two"]
    assert main([*words, "--spm", f"{one}/spm.model", "--dict", f"{one}/dict.txt"]) == 0
    after = read_manifest(folder / "two" / "manifest.json").outputs
    assert after.items() <= before.outputs.items()
    assert "vocabulary" not in read_manifest(folder / "two" / "manifest.json").config["pieces"]


def test_bitext_is_what_a_folder_of_pairs_would_be(folder):
    mono = [f"--mono={code}=t/mono.{code}" for code in ("aa", "bb")]
    words = ["prepare", "--langs", "aa,bb,cc", *mono, "--vocabulary-size", "90"]
    (folder / "p").mkdir()
    for code in ("aa", "cc"):
        (folder / "p" / f"train.cc-aa.{code}").write_bytes((folder / f"t/pairs/train.aa-cc.{code}").read_bytes())
    named = ["--bitext", "cc-aa", "t/pairs/train.aa-cc.cc", "t/pairs/train.aa-cc.aa"]
    assert main([*words, *named, "--output", "one"]) == 0
    assert main([*words, "--pairs", "p", "--output", "two"]) == 0
    one, two = (read_manifest(folder / name / "manifest.json") for name in ("one", "two"))
    assert "train.cc-aa.cc.bin" in one.outputs
    assert one.outputs == two.outputs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--langs aa", "nothing to prepare"),
        ("--langs aa,bb --bitext aa-xx t/mono.aa t/mono.bb", "unknown language `xx`"),
        ("--langs aa,bb --bitext aa-bb none t/mono.bb", "none does not exist. Check the path (--bitext aa-bb)"),
        ("--langs aa,bb,cc --pairs t/pairs --bitext bb-aa t/mono.bb t/mono.aa", "bb-aa has training pairs already"),
        ("--langs aa --mono xx=t/mono.aa", "unknown language `xx` (known: aa) in --mono xx=t/mono.aa"),
        ("--langs aa --mono t/mono.aa", "is not xx=FILE"),
        ("--langs aa --mono aa=none.txt", "none.txt does not exist"),
        ("--langs aa --mono aa=t/mono.aa --mono aa=t/mono.bb", "given twice"),
        ("--langs aa --mono aa=t/mono.aa --dict d", "--dict needs the SentencePiece model"),
        ("--langs aa --mono aa=t/mono.aa --spm none.model", "--spm none.model does not exist"),
        ("--langs aa --mono aa=t/mono.aa --spm t/mono.aa", "is not a SentencePiece model"),
        ("--langs aa --mono aa=t/mono.aa", "Lower --vocabulary-size"),
        ("--langs aa --mono aa=empty.txt", "there is no text to train"),
        ("--langs aa --mono aa=t/mono.aa --workers 0", "`workers` must be at least 1"),
        ("--langs aa,bb --pairs t/pairs", "of two of the languages aa, bb (--langs)"),
        ("--langs aa,aa --mono aa=t/mono.aa", "language `aa` is given twice"),
        ("--langs aa --mono aa=t/mono.aa --validation-share 2", "`validation_share` must be at least 0"),
    ],
)
def test_faults_are_one_line(folder, capsys, options, message):
    (folder / "empty.txt").write_text("")
    assert main(["prepare", *options.split(), "--output", "data"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (folder / "data").exists()
    assert [path.name for path in folder.iterdir() if path.name.endswith(".tmp")] == []


def test_without_validation_every_line_is_trained_on(folder):
    data = prepare(folder / "t", "--validation", "0")
    assert not list((data / "aa").glob("valid*"))
    assert read_manifest(data / "manifest.json").counts["texts"]["aa"]["sentences"] == {"train": 40}


def test_pairs_without_a_sentence_can_be_left_out(folder, capsys):
    for name in ("train.aa-bb", "valid.bb-cc"):
        for code in name.partition(".")[2].split("-"):
            (folder / "t" / "pairs" / f"{name}.{code}").write_text("")
    data = prepare(folder / "t", "--skip-empty")
    err = capsys.readouterr().err
    assert "so left out: " in err
    assert not list(data.glob("*.aa-bb.*"))  # nothing to train on, so nothing to validate either
    assert not list(data.glob("valid.bb-cc.*"))
    assert (data / "train.bb-cc.bb.bin").is_file()
    assert (data / "valid.aa-cc.aa.bin").is_file()


def test_no_pair_with_a_sentence_at_all(folder, capsys):
    for path in (folder / "t" / "pairs").glob("train.*"):
        path.write_text("")
    words = ["prepare", "--langs", "aa,bb,cc", "--pairs", "t/pairs", "--skip-empty", "--output", "d"]
    assert main(words) == 2
    assert "none of the 9 files of pairs has a sentence" in capsys.readouterr().err
