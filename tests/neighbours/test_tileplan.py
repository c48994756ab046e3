"""A planned search on disk: opened as it was planned, and not with other vectors in their place."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import sha256_file
from fairseq_xling.neighbours.tileplan import (
    Sides,
    TilePlan,
    describe_sides,
    open_sides,
    read_plan,
    refuse_others,
    write_plan,
)
from fairseq_xling.tilegrid import TileGrid
from fairseq_xling.vectors import UnitRows, Vectors, VectorWriter, open_vectors


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    generator = np.random.default_rng(0)
    VectorWriter(tmp_path / "x", shard_rows=7).write_all(generator.random((20, 6), np.float32), {}, {})
    generator.random((30, 6), np.float32).tofile(tmp_path / "y.raw")
    (tmp_path / "T").mkdir()
    rows = np.array([0, 1, 5, 29])
    return UnitRows(open_vectors(tmp_path / "x")), UnitRows(open_vectors(tmp_path / "y.raw", 6), rows)


def planned(folder: Path, sides: Sides) -> TilePlan:
    hashes = sha256_file(folder / "x"), sha256_file(folder / "y.raw")
    plan = TilePlan("key", TileGrid(20, 4, 2, 1), 4, "fp32", describe_sides(sides, hashes))
    write_plan(folder / "T", plan, sides)
    return plan


def test_what_was_planned_is_opened_from_anywhere(
    tmp_path: Path, sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    near = replace(sides[0], vectors=open_vectors("x")), sides[1]
    plan = planned(tmp_path, near)
    monkeypatch.chdir("/")
    assert read_plan(tmp_path / "T") == plan
    refuse_others(tmp_path / "T")
    for found, side in zip(open_sides(tmp_path / "T", plan), sides, strict=True):
        np.testing.assert_array_equal(found.read(), side.read())


def test_other_vectors_in_their_place_are_refused(tmp_path: Path, sides: Sides) -> None:
    plan, path = planned(tmp_path, sides), tmp_path / "y.raw"
    content = path.read_bytes()
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    open_sides(tmp_path / "T", plan)  # another time, but the same content
    path.write_bytes(content[:-1] + b"\x01")
    with pytest.raises(CorpusError, match=r"y.raw is not what it was"):
        open_sides(tmp_path / "T", plan)


def test_a_changed_shard_is_refused(tmp_path: Path, sides: Sides) -> None:
    """The folder's manifest is still what it was."""
    plan, path = planned(tmp_path, sides), tmp_path / "x" / "shard-00001.npy"
    os.utime(path, ns=(1, 1))
    open_sides(tmp_path / "T", plan)
    np.save(path, np.load(path)[::-1])
    with pytest.raises(CorpusError, match=r"x is not what it was"):
        open_sides(tmp_path / "T", plan)


@pytest.mark.parametrize("rows", [None, np.array([0, 1, 5, 28]), np.array([5])])
def test_other_rows_are_refused(tmp_path: Path, sides: Sides, rows: np.ndarray | None) -> None:
    plan, path = planned(tmp_path, sides), tmp_path / "T" / "target-rows.npy"
    if rows is None:
        path.write_bytes(path.read_bytes()[:-9])
    else:
        np.save(path, rows)
    with pytest.raises(CorpusError, match=r"target-rows.npy is not what was planned"):
        open_sides(tmp_path / "T", plan)


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"key": "k", "grid": {}}'])
def test_a_broken_plan_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "plan.json").write_text(text)
    assert read_plan(tmp_path) is None
    assert read_plan(tmp_path / "plan.json") is None


def test_a_folder_with_other_things_is_not_filled(tmp_path: Path, sides: Sides) -> None:
    planned(tmp_path, sides)
    (tmp_path / "T" / ".tile-00003.0a1b2c3d.tmp").touch()  # left by a kill inside a save
    refuse_others(tmp_path / "T")
    (tmp_path / "T" / "thesis.tex").touch()
    with pytest.raises(CorpusError, match=r"it holds thesis.tex, which is no tile"):
        refuse_others(tmp_path / "T")


def test_vectors_in_memory_have_no_place(sides: Sides) -> None:
    array = UnitRows(Vectors("array", (np.ones((2, 6), np.float32),)))
    with pytest.raises(ConfigError, match="vectors in files"):
        describe_sides((sides[0], array), ("", ""))
