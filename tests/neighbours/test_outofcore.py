"""Mining in tiles gives the bytes of mining in one piece; within its limit, by several processes, and after a kill."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import cli_environment
from hypothesis import given, settings
from hypothesis import strategies as st
from references.killed_mining import mine_through_kills, write_sides
from references.planned_tiles import six_tiles
from references.unit_vectors import Float32, two_sides

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import sha256_file
from fairseq_xling.mining import MinedPairs, MiningConfig, mine_pairs
from fairseq_xling.neighbours import fellows, memory, outofcore
from fairseq_xling.neighbours.kernel import SearchConfig, SearchReport
from fairseq_xling.neighbours.outofcore import TiledSearch, Tiling, search_missing
from fairseq_xling.neighbours.tileplan import open_sides, read_plan
from fairseq_xling.neighbours.tiles import Tile
from fairseq_xling.neighbours.tilestate import TileState
from fairseq_xling.tilegrid import TileGrid
from fairseq_xling.vectors import UnitRows, open_vectors


def assert_same(found: MinedPairs, expected: MinedPairs) -> None:
    assert found.scores.tobytes() == expected.scores.tobytes()
    assert found.source_ids.tolist() == expected.source_ids.tolist()
    assert found.target_ids.tolist() == expected.target_ids.tolist()
    assert found.facts["quality"] == expected.facts["quality"]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of a few rows, as a limit makes them of millions."""
    monkeypatch.setattr(memory, "_MOST_ROWS", 40)
    monkeypatch.setattr(memory, "_LEAST_ROWS", 40)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    x = generator.random((90, 6), np.float32)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", np.concatenate([x[70::-1] + 0.02, generator.random((20, 6), np.float32)]))
    return tmp_path


def sides(folder: Path) -> tuple[Any, Any]:
    return open_vectors(folder / "x.npy"), open_vectors(folder / "y.npy")


def tiling(folder: Path, **options: Any) -> Tiling:
    return Tiling(folder / "T", (sha256_file(folder / "x.npy"), sha256_file(folder / "y.npy")), **options)


@settings(max_examples=30, deadline=None)
@given(two_sides(), st.integers(1, 6), st.integers(4, 60), st.sampled_from(["fp32", "bf16"]))
def test_pairs_and_quality_do_not_depend_on_tiles(
    both: tuple[Float32, Float32], k: int, rows: int, precision: Any
) -> None:
    options: dict[str, Any] = {"mining_k": k, "margin": "distance", "threshold": -2.0}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "_MOST_ROWS", rows)
        found = mine_pairs(*both, MiningConfig(memory_limit="1T", precision=precision, **options))
    assert_same(found, mine_pairs(*both, MiningConfig(**options)))


def test_repeated_lines_are_merged_before(small_tiles: None, files: Path) -> None:
    texts = [str(i // 2) for i in range(90)], [str(i // 3) for i in range(91)]
    config = MiningConfig(unify=True, threshold=0)
    limited = MiningConfig(unify=True, threshold=0, memory_limit="1T")
    expected = mine_pairs(*sides(files), config, texts)
    assert expected.facts["searched_sources"] == 45
    assert_same(mine_pairs(*sides(files), limited, texts), expected)
    assert_same(mine_pairs(*sides(files), limited, texts, None, tiling(files)), expected)


def test_progress_begins_where_it_was(small_tiles: None, files: Path) -> None:
    said, steps = list[str](), list[int]()
    config = MiningConfig(threshold=0)
    expected = mine_pairs(*sides(files), config)
    assert_same(mine_pairs(*sides(files), config, None, steps.append, tiling(files, tell=said.append)), expected)
    assert sum(steps) == 90 * 91
    tiles = sorted((files / "T").glob("tile-*"))
    assert len(tiles) == 25
    for path in tiles[7:]:
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in tiles[:7]}
    with pytest.raises(CorpusError, match="7 finished tiles of this very search. Add --resume"):
        mine_pairs(*sides(files), config, None, None, tiling(files))
    steps.clear()
    again = tiling(files, resume=True, tell=said.append)
    assert_same(mine_pairs(*sides(files), config, None, steps.append, again), expected)
    assert said == ["7 of 25 tiles are there already"]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert sum(steps) == 90 * 91
    assert sum(steps[:7]) == sum(len(r) * len(c) for r, c in map(TileGrid(90, 91, 5, 5).tile, range(7)))
    # What is selected is decided after the search, so another threshold takes the same tiles.
    other = MiningConfig(threshold=0.9, margin="distance")
    assert_same(mine_pairs(*sides(files), other, None, None, again), mine_pairs(*sides(files), other))
    assert said[-1] == "25 of 25 tiles are there already"


@pytest.mark.parametrize("change", ["vectors", "k"])
def test_tiles_of_another_search_are_never_taken_over(small_tiles: None, files: Path, change: str) -> None:
    said, config = list[str](), MiningConfig(threshold=0)
    mine_pairs(*sides(files), config, None, None, tiling(files))
    if change == "k":
        config = MiningConfig(threshold=0, mining_k=3)
    else:
        np.save(files / "x.npy", np.load(files / "x.npy")[::-1])
    with pytest.raises(CorpusError, match="25 finished tiles of another search. Remove that folder, or add --resume"):
        mine_pairs(*sides(files), config, None, None, tiling(files))
    assert len(list((files / "T").glob("tile-*"))) == 25
    with pytest.raises(CorpusError, match="tiles of another search. Name another folder"):
        TiledSearch(*map(UnitRows, sides(files)), SearchConfig(config.mining_k)).plan(tiling(files))
    found = mine_pairs(*sides(files), config, None, None, tiling(files, resume=True, tell=said.append))
    assert_same(found, mine_pairs(*sides(files), config))
    assert said == [f"{files / 'T'} holds tiles of another search: they are removed"]


def test_damaged_tiles_are_said_and_searched_again(small_tiles: None, files: Path) -> None:
    said, config = list[str](), MiningConfig(threshold=0)
    expected = mine_pairs(*sides(files), config, None, None, tiling(files))
    cut, flipped = files / "T" / "tile-00003", files / "T" / "tile-00011"
    cut.write_bytes(cut.read_bytes()[:-100])
    flipped.write_bytes(flipped.read_bytes()[:-1] + b"\x55")
    found = mine_pairs(*sides(files), config, None, None, tiling(files, resume=True, tell=said.append))
    assert_same(found, expected)
    assert said[:2] == [
        f"{cut} is damaged: tile 3 must be searched again", f"{flipped} is damaged: tile 11 must be searched again"
    ]  # fmt: skip
    assert said[2] == "23 of 25 tiles are there already"


def test_a_lower_limit_than_the_tiles_were_made_for(
    small_tiles: None, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, config = list[str](), MiningConfig(threshold=0)
    expected = mine_pairs(*sides(files), config, None, None, tiling(files))
    monkeypatch.setattr(memory, "_MOST_ROWS", 20)
    again = tiling(files, resume=True, tell=said.append)
    assert_same(mine_pairs(*sides(files), config, None, None, again), expected)
    assert said == ["25 of 25 tiles are there already"]  # they need no more than there is: no limit was set
    said.clear()
    config = replace(config, memory_limit="1T")
    assert_same(mine_pairs(*sides(files), config, None, None, tiling(files, resume=True, tell=said.append)), expected)
    assert said == [f"the tiles in {files / 'T'} need more memory than --memory-limit leaves: all is searched again"]


def test_a_folder_of_somebody_elses_is_left_alone(files: Path) -> None:
    (files / "T").mkdir()
    (files / "T" / "notes.txt").write_text("mine")
    with pytest.raises(CorpusError, match="in the way"):
        mine_pairs(*sides(files), MiningConfig(threshold=0), None, None, tiling(files))
    assert (files / "T" / "notes.txt").read_text() == "mine"
    assert [path.name for path in (files / "T").iterdir()] == ["notes.txt"]
    (files / "T" / "notes.txt").unlink()
    (files / "T").rename(files / "elsewhere")
    (files / "T").symlink_to(files / "elsewhere")
    with pytest.raises(CorpusError, match="it is a link"):
        mine_pairs(*sides(files), MiningConfig(threshold=0), None, None, tiling(files))
    assert list((files / "elsewhere").iterdir()) == []


def test_a_fault_before_the_first_tile_leaves_no_folder(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*given: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(outofcore, "search_missing", failing)
    with pytest.raises(MemoryError):
        mine_pairs(*sides(files), MiningConfig(threshold=0), None, None, tiling(files))
    assert not (files / "T").exists()


def test_what_cannot_be(files: Path) -> None:
    with pytest.raises(ConfigError, match="--memory-limit 100M is too little for 90 x 91 vectors of length 6 and 1 wo"):
        mine_pairs(*sides(files), MiningConfig(memory_limit="100M"))
    with pytest.raises(ConfigError, match="which the command line makes"):
        mine_pairs(*sides(files), MiningConfig(workers=2))
    from scipy import sparse

    rows = sparse.csr_matrix(np.eye(3))
    with pytest.raises(ConfigError, match="--memory-limit, --workers and --resume are for vectors"):
        mine_pairs(rows, rows, MiningConfig(memory_limit="1T"))


def test_workers_find_the_same(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", cli_environment()["PYTHONPATH"])
    steps = list[int]()
    config = MiningConfig(threshold=0, workers=2, threads=2)
    found = mine_pairs(*sides(files), config, None, steps.append, tiling(files))
    assert_same(found, mine_pairs(*sides(files), MiningConfig(threshold=0)))
    assert sum(steps) == 90 * 91
    (files / "T" / "tile-00001").unlink()
    (files / "T" / "tile-00001").mkdir()  # nobody can write that tile
    with pytest.raises(CorpusError, match="tile-00001 is a directory"):
        mine_pairs(*sides(files), config, None, None, tiling(files, resume=True))


def test_another_worker_searches_tiles_too(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two workers, this one holds back until the other has saved a tile."""
    monkeypatch.setenv("PYTHONPATH", cli_environment()["PYTHONPATH"])
    own, search = list[int](), outofcore.search_missing

    def later(state: TileState, *given: Any) -> SearchReport:
        deadline = time.monotonic() + 60
        while len(state.missing()) == len(state.grid) and time.monotonic() < deadline:
            time.sleep(0.05)
        own.append(len(state.missing()))
        return search(state, *given)

    monkeypatch.setattr(outofcore, "search_missing", later)
    found = mine_pairs(*sides(files), MiningConfig(threshold=0, workers=2, threads=2), None, None, tiling(files))
    assert_same(found, mine_pairs(*sides(files), MiningConfig(threshold=0)))
    assert own[0] < 9


def test_progress_counts_what_others_finish_meanwhile(tmp_path: Path) -> None:
    plan = six_tiles(tmp_path)
    state, search = plan.state(tmp_path / "T", print), plan.search(open_sides(tmp_path / "T", plan), 1)
    other = search.tile(5, state.known(5))
    counts = list[tuple[int, int]]()  # products that are done, and tiles that are there, when they are told

    class Beside:
        """A search of another process's, too: while this one searches its first tile, that one finishes tile 5."""

        def tile(self, number: int, *given: Any) -> Tile:
            if number == 0:
                state.save(5, other)
            return search.tile(number, *given)

    search_missing(state, Beside(), range(6), lambda done: counts.append((done, len(state.missing()))))  # type: ignore
    assert sum(done for done, _ in counts) == 60 * 60
    # Before the third tile is there: the first and the second one of this process, and the other's, of 600 each.
    assert sum(done for done, missing in counts if missing >= 4) == 3 * 600


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('no room')", "done its part: no room"),
        ("import os; os.kill(os.getpid(), 9)", "done its part: it was killed by signal 9"),
    ],
)
def test_the_fault_of_a_worker_is_said_and_its_part_done(
    files: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, said: str
) -> None:
    worker, notes = tmp_path / "worker", list[str]()
    worker.write_text(f"#!{sys.executable}\n{program}\n")
    worker.chmod(0o755)
    popen, started = subprocess.Popen, list[Any]()

    def begun(words: list[str], **given: Any) -> Any:
        started.append(popen([str(worker)], **given))
        started[-1].wait()
        return started[-1]

    monkeypatch.setattr(fellows.subprocess, "Popen", begun)
    config = MiningConfig(threshold=0, workers=2, threads=2)
    found = mine_pairs(*sides(files), config, None, None, replace(tiling(files), tell=notes.append))
    assert_same(found, mine_pairs(*sides(files), MiningConfig(threshold=0)))
    assert len(started) == 1
    assert said in notes[-1]


def test_one_waits_for_what_another_has_claimed(small_tiles: None, files: Path) -> None:
    plan = TiledSearch(*map(UnitRows, sides(files)), SearchConfig()).plan(tiling(files), 4)
    assert read_plan(files / "T") == plan
    holder = (
        "import sys, time; from pathlib import Path; from fairseq_xling.neighbours.tileplan import read_plan\n"
        "folder = Path(sys.argv[1]); state = read_plan(folder).state(folder, print)\n"
        "assert state.claim(1); print('claimed', flush=True); sys.stdin.read()"
    )
    state = plan.state(files / "T", print)
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(files / "T")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "claimed\n"
        search = plan.search(open_sides(files / "T", plan), 1)
        working = threading.Thread(target=search_missing, args=(state, search, range(4)))
        working.start()
        end = time.monotonic() + 20
        while state.missing() != [1]:
            assert time.monotonic() < end
            time.sleep(0.01)
        other.kill()  # without having found it
        working.join(20)
    assert state.missing() == []


def test_memory_stays_within_the_limit(tmp_path: Path) -> None:
    """The whole command, quality estimate included; a search in one piece takes some 100 MB more than the limit."""
    generator = np.random.default_rng(1)
    rows, dim, limit = 12_000, 2048, 500
    spectrum = np.exp(-np.arange(dim, dtype=np.float32) / 6)  # so steep that the search is short
    for name in ("x", "y"):
        np.save(tmp_path / f"{name}.npy", generator.standard_normal((rows, dim), np.float32) * spectrum)
    words = ["mine", "--source", "x.npy", "--target", "y.npy", "--output", "o.tsv", "--memory-limit", f"{limit}M"]
    peak = 0
    with subprocess.Popen(
        [sys.executable, "-m", "fairseq_xling", *words, "--threads", "1", "--margin", "distance", "--json"],
        cwd=tmp_path, env=cli_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        while process.poll() is None:
            found = re.search(r"^RssAnon:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
            peak = max(peak, 1024 * int(found[1]) if found else 0)
            time.sleep(0.01)
        printed, said = process.communicate()
    assert process.returncode == 0, said
    assert 150 << 20 < peak < limit << 20
    assert json.loads(printed)["search"]["tiles"] > 1


@pytest.mark.parametrize(
    ("rows", "kills", "inside"),
    [(1000, 1, 4), pytest.param(2000, 12, 30, marks=[pytest.mark.nightly, pytest.mark.timeout(900)])],
)
def test_kills_at_any_moment(tmp_path: Path, rows: int, kills: int, inside: int) -> None:
    """At random, and once inside a save: the same bytes, no finished tile made again, nothing left behind."""
    write_sides(tmp_path, rows)
    story = mine_through_kills(tmp_path, kills, inside, seed=rows)
    expected = mine_pairs(*sides(tmp_path), MiningConfig())
    expected.write(tmp_path / "expected.tsv")
    assert (tmp_path / "killed.tsv").read_bytes() == (tmp_path / "expected.tsv").read_bytes()
    assert story.kills == kills + 1
    assert story.leftovers >= 1  # one was inside a save
    assert story.tiles == sorted(set(story.tiles))
    assert story.tiles[-1] < (rows // 100) ** 2
    assert story.repeated == 0
    assert not (tmp_path / "killed.tiles").exists()
