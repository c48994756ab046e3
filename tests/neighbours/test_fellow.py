"""What a fellow does with its orders; tests/neighbours/test_fellows.py runs it as a process."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from references.planned_tiles import six_tiles

from fairseq_xling.errors import CorpusError
from fairseq_xling.neighbours.fellow import search_as_told


def test_it_does_what_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = six_tiles(tmp_path)
    state = plan.state(tmp_path / "T", print)
    assert search_as_told(io.StringIO("")) == 0
    assert len(state.missing()) == 6
    assert search_as_told(io.StringIO(json.dumps({"folder": str(tmp_path / "T"), "threads": 1}) + "\n")) == 0
    assert state.missing() == []
    assert capsys.readouterr().err == ""


def test_there_must_be_a_plan(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="holds no plan of tiles. Run `tiles plan` first"):
        search_as_told(io.StringIO(json.dumps({"folder": str(tmp_path), "threads": 1}) + "\n"))


def test_damage_that_it_meets_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    six_tiles(tmp_path)
    (tmp_path / "T" / "tile-00003").write_bytes(b"nonsense")
    assert search_as_told(io.StringIO(json.dumps({"folder": str(tmp_path / "T"), "threads": 1}) + "\n")) == 0
    assert "is damaged: tile 3 must be searched again" in capsys.readouterr().err
