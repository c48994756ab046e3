"""Finished tiles on disk: whole or not there, believed only if sound, shared without a server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from references.unit_vectors import unit

from fairseq_xling.errors import CorpusError
from fairseq_xling.neighbours.kernel import SearchConfig, SearchReport, search
from fairseq_xling.neighbours.lists import NO_ID
from fairseq_xling.neighbours.tiles import TileSearch
from fairseq_xling.neighbours.tilestate import TileState, alone_in, grid_of
from fairseq_xling.tilegrid import TileGrid

GRID, CONFIG = TileGrid(50, 40, 3, 2), SearchConfig(k=5)
SIDES = tuple(unit(np.random.default_rng(i).standard_normal((rows, 12))) for i, rows in enumerate((50, 40)))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def state(tmp_path: Path, said: list[str]) -> TileState:
    """All tiles, finished."""
    found, one = TileState(tmp_path, "key", GRID, 5, tell=said.append), TileSearch(*SIDES, GRID, CONFIG)
    for number in (3, 0, 5, 1, 2, 4):
        found.save(number, one.tile(number, found.known(number)))
    return found


def assert_whole(state: TileState) -> None:
    found, expected = state.merged(SearchReport(0.0)), search(*SIDES, CONFIG)
    assert found is not None
    for name in ("forward_ids", "forward_cosines", "backward_ids", "backward_cosines"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_tiles_merge_to_the_whole_search(state: TileState, said: list[str]) -> None:
    assert state.missing() == []
    assert_whole(state)
    assert said == []
    assert grid_of([state.folder]) == GRID


def test_a_tile_without_knowledge_is_the_same_file_from_anybody(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        state, one = TileState(tmp_path / name, "key", GRID, 5), TileSearch(*SIDES, GRID, CONFIG)
        state.save(3, one.tile(3, state.known(3)))
    assert (tmp_path / "a" / "tile-00003").read_bytes() == (tmp_path / "b" / "tile-00003").read_bytes()


def test_knowledge_is_of_other_tiles_only(state: TileState) -> None:
    rows, columns = GRID.tile(3)
    for lists, own in zip(state.known(3), (columns, rows), strict=True):
        ids = lists.ids[lists.ids != NO_ID]
        assert len(ids)
        assert not ((ids >= own.start) & (ids < own.stop)).any()


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


def of_another(content: bytes) -> bytes:
    return content.replace(b'"search": "key"', b'"search": "kex"')


@pytest.mark.parametrize(
    "damage",
    [cut, flipped, lambda content: b"", lambda content: b"[1]\n", lambda content: content + b"\0"],
)
def test_damage_is_said_and_the_tile_is_not_there(
    state: TileState, said: list[str], damage: Callable[[bytes], bytes]
) -> None:
    path = state.folder / "tile-00004"
    path.write_bytes(damage(path.read_bytes()))
    what, content = "damaged", path.read_bytes()
    state.searching = False  # a merge leaves it
    assert state.read(4) is None
    assert path.read_bytes() == content
    said.clear()
    state.searching = True
    assert state.merged(SearchReport(0.0)) is None
    assert said == [f"{path} is {what}: tile 4 must be searched again"]
    assert state.missing() == [4]
    state.save(4, TileSearch(*SIDES, GRID, CONFIG).tile(4, state.known(4)))
    assert_whole(state)


def test_a_tile_of_another_search_or_number_is_refused_and_left(state: TileState, said: list[str]) -> None:
    path = state.folder / "tile-00004"
    path.write_bytes(of_another(path.read_bytes()))
    os.replace(state.folder / "tile-00001", state.folder / "tile-00003")
    for number in (3, 4):
        with pytest.raises(CorpusError, match=f"tile-0000{number} is of another search"):
            state.read(number)
        assert state.place(number) is not None
    assert said == []


def test_other_folders_are_read_and_left_alone(state: TileState, tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "mine").mkdir()
    for number in (0, 1, 2):
        os.replace(tmp_path / f"tile-0000{number}", tmp_path / "mine" / f"tile-0000{number}")
    both = TileState(tmp_path / "mine", "key", GRID, 5, [tmp_path], said.append)
    assert_whole(both)
    (tmp_path / "tile-00004").write_bytes(b"")
    assert both.read(4) is None
    assert (tmp_path / "tile-00004").is_file()


def test_no_tiles_at_all(tmp_path: Path) -> None:
    (tmp_path / "tile-00000").write_bytes(b"nonsense")
    with pytest.raises(CorpusError, match="no finished tile"):
        grid_of([tmp_path])


HOLDER = """
import sys, time
from pathlib import Path
from fairseq_xling.neighbours.tilestate import TileState, alone_in
from fairseq_xling.tilegrid import TileGrid
with alone_in(Path(sys.argv[1])):
    assert TileState(Path(sys.argv[1]), "key", TileGrid(50, 40, 3, 2), 5).claim(2)
    print("held", flush=True)
    time.sleep(60)
"""


def refused_elsewhere(folder: Path) -> bool:
    """Whether another process finds somebody at work in a folder."""
    program = "import sys; from pathlib import Path; from fairseq_xling.neighbours.tilestate import alone_in\n"
    program += "with alone_in(Path(sys.argv[1])): pass"
    found = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True)
    assert found.returncode == 0 or "another process works in" in found.stderr
    return found.returncode != 0


def test_a_claim_is_one_processs_and_ends_with_it(tmp_path: Path) -> None:
    state = TileState(tmp_path, "key", GRID, 5)
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert not state.claim(2)
        assert state.claim(1)
        with pytest.raises(CorpusError, match="another process works"), alone_in(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        assert state.claim(2, wait=True)
    state.release(2)
    with alone_in(tmp_path):
        with alone_in(tmp_path / ".." / tmp_path.name):  # this process has it already, and keeps it
            pass
        assert refused_elsewhere(tmp_path)
    assert not refused_elsewhere(tmp_path)
