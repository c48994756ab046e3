"""What `mine` and `score` read."""

from __future__ import annotations

import argparse

import numpy as np
import pytest

from fairseq_xling.cli.inputs import add_sides, read_sides
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import sha256_file


def sides(folder, text, monkeypatch):
    monkeypatch.chdir(folder)
    parser = argparse.ArgumentParser()
    add_sides(parser)
    return read_sides(parser.parse_args(text.split()))


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(3, dtype=np.float32))
    (tmp_path / "x.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "y.txt").write_text("un\ndeux\n")
    return tmp_path


def test_vectors_and_texts(folder, monkeypatch):
    found = sides(folder, "--source x.npy --target x.npy --source-text x.txt --target-text x.txt", monkeypatch)
    assert found.source.shape == (3, 3)
    assert found.written == (["one", "two", "three"], ["one", "two", "three"])
    assert found.inputs == {name: sha256_file(folder / name) for name in ("x.npy", "x.txt")}


def test_surface_texts_serve_unify_but_are_written_only_when_named(folder, monkeypatch):
    found = sides(folder, "--source x.txt --target y.txt --encoder surface", monkeypatch)
    assert found.texts == (["one", "two", "three"], ["un", "deux"])
    assert found.written is None
    assert found.source.shape[0] == 3
    assert found.source.shape[1] == found.target.shape[1]


def test_all_faults_at_once(folder, monkeypatch):
    with pytest.raises(ConfigError) as caught:
        sides(folder, "--source x.npy --target x.npy --source-text x.txt --fit x.txt", monkeypatch)
    assert len(caught.value.faults) == 2
