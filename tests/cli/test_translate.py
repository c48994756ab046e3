"""`translate` as a person runs it: one text, stdin, many directions, and what is refused before any work."""

from __future__ import annotations

import gzip
import io
import json
import sys

import pytest

from fairseq_xling.cli.main import main
from fairseq_xling.cli.translate import read_directions
from fairseq_xling.encoders.opening import ModelChoice, open_model
from fairseq_xling.encoders.options import TranslationConfig
from fairseq_xling.encoders.translation import Translator
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import read_manifest

SEARCH = ["--beam", "2", "--max-len-b", "12"]


@pytest.fixture
def folder(written_model, tmp_path, monkeypatch):
    lines = (written_model.texts / "mono.aa").read_text().split("\n")[:6]
    (tmp_path / "in.aa").write_text("\n".join([*lines[:3], "", *lines[3:]]) + "\n")
    (tmp_path / "in.bb").write_text("\n".join((written_model.texts / "mono.bb").read_text().split("\n")[:4]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(written_model):
    return lambda *words: main(["translate", "--checkpoint", str(written_model.checkpoint), *SEARCH, *words])


@pytest.fixture
def expected(written_model, folder):
    translator = Translator(
        open_model(ModelChoice(str(written_model.checkpoint))), TranslationConfig(beam=2, max_len_b=12)
    )
    return lambda name, source, target: translator.translate(
        (folder / name).read_text().split("\n")[:-1], source, target
    )


def test_to_stdout(run, expected, capsys):
    assert run("--source", "aa", "--target", "cc", "--input", "in.aa") == 0
    lines = capsys.readouterr().out.split("\n")[:-1]
    assert lines == expected("in.aa", "aa", "cc")
    assert lines[3] == ""


def test_from_stdin(run, expected, capsys, monkeypatch, folder):
    class Stdin:
        buffer = io.BytesIO((folder / "in.aa").read_bytes())

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert run("--source", "aa", "--target", "cc") == 0
    assert capsys.readouterr().out.split("\n")[:-1] == expected("in.aa", "aa", "cc")
    Stdin.buffer = io.BytesIO(b"takipi\n\xff\n")
    assert run("--source", "aa", "--target", "cc") == 2
    assert "stdin:2: byte 0xff is not UTF-8" in capsys.readouterr().err


def test_many_directions_in_one_process(run, expected, capsys, folder):
    (folder / "d.tsv").write_text("aa\tbb\tin.aa\tout.1\n\nbb\taa\tin.bb\tout.2.gz\naa\tcc\tin.aa\tout.3\n")
    assert run("--directions", "d.tsv", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [direction["lines"] for direction in report["directions"]] == [7, 4, 7]
    assert (folder / "out.1").read_text().split("\n")[:-1] == expected("in.aa", "aa", "bb")
    with gzip.open(folder / "out.2.gz", "rt", encoding="utf-8") as stream:
        assert stream.read().split("\n")[:-1] == expected("in.bb", "bb", "aa")
    manifest = read_manifest(folder / "out.3.manifest.json")
    assert (manifest.kind, manifest.config["signature"]) == ("translation", report["signature"])
    assert (manifest.config["source"], manifest.config["target"], manifest.counts["lines"]) == ("aa", "cc", 7)
    assert len(manifest.inputs) == 4


def test_directions_are_read_with_all_their_faults(folder):
    (folder / "d.tsv").write_text("aa\tbb\tin.aa\nbb\taa\tin.bb\tout\naa\tcc\tin.aa\tout\n")
    with pytest.raises(ConfigError) as caught:
        read_directions("d.tsv")
    assert caught.value.faults == [
        "d.tsv:1 is not `source TAB target TAB input TAB output`",
        "d.tsv: out is written twice",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--source aa", "both languages must be named"),
        ("--source aa --target xx --input in.aa", "unknown language `xx` (known: aa, bb, cc)"),
        ("--source aa --target bb --input none", "none does not exist"),
        ("--source aa --target bb --input empty", "empty has no lines"),
        ("--source aa --target bb --input in.aa --output no/out", "no is not a directory"),
        ("--source aa --target bb --input in.aa --json", "--json needs --output"),
        ("--source aa --directions d.tsv", "--source and --directions exclude each other"),
        ("--directions empty", "empty names no text"),
        ("--source aa --target bb --sampling-topk 3", "Add --sampling"),
        ("--source aa --target bb --input in.aa --spm in.aa", "is not a SentencePiece model"),
        ("--source aa --target bb --input in.aa --dict none", "none does not exist"),
    ],
)
def test_faults_are_one_line(run, folder, capsys, options, message):
    (folder / "empty").write_text("")
    (folder / "d.tsv").write_text("aa\tbb\tin.aa\tout\n")
    assert run(*options.split()) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert captured.out == ""


def test_a_failure_leaves_no_output(run, folder, capsys):
    (folder / "bad").write_bytes(b"takipi\n\xff\n")
    assert run("--source", "aa", "--target", "bb", "--input", "bad", "--output", "out") == 2
    assert "bad:2: byte 0xff" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == {"in.aa", "in.bb", "bad"}
