"""`assemble` as a person runs it."""

from __future__ import annotations

import json

import pytest

from fairseq_xling.cli.main import main
from fairseq_xling.files import read_manifest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "x.txt").write_text("".join(f"a sentence number {i}\n" for i in range(30)))
    (tmp_path / "y.txt").write_text("".join(f"une phrase numero {i}\n" for i in range(30)))
    (tmp_path / "p.tsv").write_text("".join(f"{2 - i / 30:.7f}\t{i}\t{i}\n" for i in range(30)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(options="", output="out"):
    common = "--pairs p.tsv --source-text x.txt --target-text y.txt --source-lang en_XX --target-lang fr_XX"
    return main(["assemble", *common.split(), "--output", output, *options.split()])


def test_files_and_manifest(folder, capsys):
    assert run("--max-count 20 --json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["train"] == 19
    assert "fairseq-preprocess" in captured.err
    names = {path.name for path in (folder / "out").iterdir()}
    expected = {f"{part}.en_XX-fr_XX.{code}" for part in ("train", "valid") for code in ("en_XX", "fr_XX")}
    assert names == expected | {"train.pairs.tsv", "valid.pairs.tsv", "manifest.json"}
    manifest = read_manifest(folder / "out" / "manifest.json")
    assert manifest.counts["over_cap"] == 10
    assert set(manifest.outputs) == names - {"manifest.json"}


def test_the_same_command_gives_the_same_bytes(folder):
    assert run() == run(output="again") == 0
    for path in (folder / "out").iterdir():
        if path.name != "manifest.json":
            assert path.read_bytes() == (folder / "again" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--filters lenght:1:5", "did you mean `length`"),
        ("--threshold 9", "no pair is left"),
        ("--target-lang en_XX", "two different language codes"),
        ("--validation-share 1.5", "below 1"),
        ("--filters language", "language identifier"),
        ("--pairs x.txt", "x.txt:1: not `score TAB source id TAB target id`"),
    ],
)
def test_a_fault_is_one_line_and_leaves_nothing(folder, capsys, options, message):
    assert run(options) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (folder / "out").exists()


def test_a_foreign_directory_is_not_overwritten(folder, capsys):
    (folder / "out").mkdir()
    (folder / "out" / "thesis.tex").write_text("years of work")
    assert run() == 2
    assert "is in the way" in capsys.readouterr().err
    assert (folder / "out" / "thesis.tex").exists()


def test_no_pair_left_may_be_allowed(tmp_path, capsys):
    (tmp_path / "s").write_text("one\n")
    (tmp_path / "t").write_text("eins\n")
    (tmp_path / "p.tsv").write_text("")
    words = f"assemble --pairs {tmp_path}/p.tsv --source-text {tmp_path}/s --target-text {tmp_path}/t"
    words += f" --source-lang en --target-lang de --output {tmp_path}/d"
    assert main(words.split()) == 2
    assert "no pair is left to train on" in capsys.readouterr().err
    assert main([*words.split(), "--allow-empty"]) == 0
    assert (tmp_path / "d" / "train.en-de.en").read_text() == ""
    assert (tmp_path / "d" / "train.pairs.tsv").read_text() == ""
