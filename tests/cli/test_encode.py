"""`encode` with the surface encoder, as a person runs it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fairseq_xling.cli.main import main
from fairseq_xling.files import read_lines
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
