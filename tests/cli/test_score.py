"""`score` as a person runs it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fairseq_xling.cli.main import main
from fairseq_xling.mining import MiningConfig, mine_pairs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 8)).astype(np.float32) + 1
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", x + 0.3 * rng.normal(size=x.shape).astype(np.float32))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(options):
    return main(["score", "--source", "x.npy", "--output", "s.tsv", *options.split()])


def test_line_i_with_line_i(folder, capsys):
    assert run("--target y.npy --json") == 0
    rows = [line.split("\t") for line in (folder / "s.tsv").read_text().splitlines()]
    assert [row[1:] for row in rows] == [[str(i), str(i)] for i in range(40)]
    best = mine_pairs(np.load("x.npy"), np.load("y.npy"), MiningConfig(threshold=0))
    scores = {(s, t): score for s, t, score in zip(best.source_ids, best.target_ids, best.scores, strict=True)}
    checked = [(float(row[0]), scores[i, i]) for i, row in enumerate(rows) if (i, i) in scores]
    assert len(checked) > 20
    assert all(one == other for one, other in checked)
    assert json.loads(capsys.readouterr().out)["pairs"] == 40


def test_given_pairs_keep_their_order(folder):
    (folder / "p.tsv").write_text("0\t5\t5\n0\t1\t7\n0\t5\t5\n")
    assert run("--target y.npy --pairs p.tsv") == 0
    rows = [line.split("\t") for line in (folder / "s.tsv").read_text().splitlines()]
    assert [row[1:] for row in rows] == [["5", "5"], ["1", "7"], ["5", "5"]]
    assert float(rows[0][0]) > float(rows[1][0])


def test_faults_are_one_line(folder, capsys):
    np.save("z.npy", np.ones((3, 8), np.float32))
    (folder / "p.tsv").write_text("0\t5\t99\n")
    for options, message in (
        ("--target z.npy", "cannot be paired"),
        ("--target y.npy --pairs p.tsv", "names target line 99"),
    ):
        assert run(options) == 2
        captured = capsys.readouterr()
        assert captured.err.count("\n") == 1
        assert message in captured.err
    assert not (folder / "s.tsv").exists()
