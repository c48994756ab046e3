"""`encode` with the surface encoder and with a checkpoint, as a person runs it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fairseq_xling.cli.encode import _Bar
from fairseq_xling.cli.main import main
from fairseq_xling.encoders.checkpoint import CheckpointEncoder
from fairseq_xling.encoders.opening import ModelChoice, open_model
from fairseq_xling.evaluation.tokens import open_token_states
from fairseq_xling.files import read_lines, read_manifest
from fairseq_xling.text.surface import SurfaceEncoder
from fairseq_xling.vectors import open_vectors


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    words = ["gatto", "cane", "casa", "rossa", "nera", "mangia", "dorme", "corre", "sempre", "oggi"]
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("".join(" ".join(rng.choice(words, 5)) + "\n" for _ in range(40)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(text):
    return main(["encode", "--encoder", "surface", *text.split()])


def test_vectors_state_and_report(folder, capsys):
    assert run("--input a.txt --fit a.txt b.txt --svd 8 --output a.vec --lang ita --json --shard-size 15") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["rows"], report["dim"], report["shards"]) == (40, 8, 3)
    encoder = SurfaceEncoder.fit(read_lines("a.txt") + read_lines("b.txt"), svd=8)
    np.testing.assert_allclose(open_vectors("a.vec").read(), encoder.encode(read_lines("a.txt")), atol=1e-6)
    # The state beside the vectors puts another text into the same space.
    assert run("--input b.txt --fit a.vec/encoder --output b.vec") == 0
    np.testing.assert_allclose(open_vectors("b.vec").read(), encoder.encode(read_lines("b.txt")), atol=1e-6)
    assert main(["mine", "--source", "a.vec", "--target", "b.vec", "--output", "p.tsv"]) == 0


def test_hashed(folder):
    assert run("--input a.txt --hashed 64 --output a.vec") == 0
    assert open_vectors("a.vec").shape == (40, 64)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--input none.txt", "none.txt does not exist"),
        ("--input a.txt --svd 8 --hashed 8", "two ways to the same end"),
        ("--input a.txt --svd 5000", "must be at most 40"),
        ("--input a.txt --fit a.vec/encoder --svd 4", "already fitted"),
        ("--input a.txt --shard-size 0 --hashed 8", "--shard-size must be at least 1"),
    ],
)
def test_faults_are_one_line(folder, capsys, options, message):
    assert run("--input a.txt --svd 8 --output a.vec") == 0
    capsys.readouterr()
    assert run(f"{options} --output c.vec") == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (folder / "c.vec" / "manifest.json").exists()


@pytest.fixture
def with_checkpoint(written_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["encode", "--checkpoint", str(written_model.checkpoint), "--input", str(written_model.texts / "mono.aa")]
    return lambda text: main([*words, "--output", "v", *text.split()])


def test_checkpoint_vectors_and_report(with_checkpoint, written_model, capsys):
    assert with_checkpoint("--lang aa --shard-size 25 --max-tokens 200 --json") == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert (report["rows"], report["dim"], report["shards"], report["cut"]) == (60, 16, 3, 0)
    encoder = CheckpointEncoder(open_model(ModelChoice(str(written_model.checkpoint))))
    lines = read_lines(written_model.texts / "mono.aa")
    np.testing.assert_allclose(open_vectors("v").read(), encoder.encode(lines, "aa"), rtol=1e-5, atol=1e-5)
    manifest = read_manifest("v/manifest.json")
    assert manifest.config == {"encoder": report["signature"], "language": "aa"}
    assert len(manifest.inputs) == 4
    assert "60 of 60 lines encoded in this run" in captured.err


def test_checkpoint_resumed(with_checkpoint, capsys, monkeypatch):
    whole, calls = CheckpointEncoder.encode, list[int]()

    def interrupted(self, lines, language=None):
        calls.append(len(lines))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(self, lines, language)

    monkeypatch.setattr(CheckpointEncoder, "encode", interrupted)
    assert with_checkpoint("--lang aa --shard-size 25") == 130
    assert with_checkpoint("--lang aa --shard-size 25 --resume") == 0
    assert calls == [25, 25, 10, 10]
    assert "10 of 60 lines encoded in this run" in capsys.readouterr().err
    assert with_checkpoint("--lang aa --shard-size 25 --layer 1 --output w") == 0
    assert not np.allclose(open_vectors("v").read(), open_vectors("w").read(), atol=1e-2)


def test_checkpoint_token_states(with_checkpoint, written_model, capsys):
    assert with_checkpoint("--lang aa --tokens t.npz") == 0
    found = open_token_states("t.npz")
    lines = read_lines(written_model.texts / "mono.aa")
    assert len(found) == len(lines) == 60
    assert found.signature == read_manifest("v/manifest.json").config["encoder"]
    assert f"{len(found.tokens)} token states in t.npz" in capsys.readouterr().err
    assert run(f"--input {written_model.texts}/mono.aa --output w --tokens t.npz") == 2
    assert "--tokens are for --checkpoint" in capsys.readouterr().err


def test_checkpoint_cut_lines_are_counted(with_checkpoint, capsys, tmp_path):
    (tmp_path / "long.txt").write_text("takipi\n" + " ".join(["takipi"] * 300) + "\n\n")
    assert with_checkpoint("--lang aa --input long.txt") == 0
    assert "1 lines had more than 64 tokens and lost their end" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--lang xx", "--lang xx is not one of the model's languages (aa, bb, cc)"),
        ("--language-token", "the language token needs a language"),
        ("--layer 7", "`layer` 7 is more than the 2 layers"),
        ("--layer x --max-tokens 0", "2 faults"),
        ("--svd 8", "--svd are for --encoder surface"),
        ("--input none", "none does not exist"),
        ("--input empty", "the text has no lines"),
        ("--encoder surface", "not allowed with argument"),
        ("--dict other.txt", "no pieces of"),
    ],
)
def test_checkpoint_faults_are_one_line(with_checkpoint, capsys, tmp_path, options, message):
    (tmp_path / "empty").write_text("")
    (tmp_path / "other.txt").write_text("zebra 1\n")
    assert with_checkpoint(options) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not (tmp_path / "v" / "manifest.json").exists()


def test_options_of_a_checkpoint_are_refused_without_one(folder, capsys):
    assert run("--input a.txt --output a.vec --layer 3 --spm none") == 2
    assert "--layer, --spm are for --checkpoint" in capsys.readouterr().err


def test_the_bar_counts_every_line_once():
    class Bar:
        n, initial, disable = 0, 0, False

        def update(self, lines):
            self.n += lines

    bar = Bar()
    moved = _Bar(bar)
    moved.shard(50)  # was there before
    for lines in (20, 5):
        moved.batch(lines)
    moved.shard(25)
    assert (bar.n, bar.initial, moved.encoded) == (75, 50, 25)
