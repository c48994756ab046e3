"""The written world: files, overlap, what is held out, what texts share, and equal bytes for equal seeds."""

from __future__ import annotations

import hashlib
from itertools import combinations
from pathlib import Path

import pytest

from fairseq_xling.demo.world import CODES, WorldConfig, write_world
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import read_lines
from fairseq_xling.text.surface import SurfaceEncoder


@pytest.fixture(scope="module", params=[1, 2, 3])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_world(folder, WorldConfig(seed=request.param))
    return folder


def test_files_and_their_lengths(world: Path) -> None:
    expected = {"mono.{}": 8000, "mono.{}.ids": 8000, "dev.{}": 100, "test.{}": 250}
    for code in CODES:
        assert {name: len(read_lines(world / name.format(code))) for name in expected} == expected
    assert len(list(world.iterdir())) == len(CODES) * len(expected)


def test_two_languages_have_about_three_thousand_meanings_in_common(world: Path) -> None:
    ids = {code: set(read_lines(world / f"mono.{code}.ids")) for code in CODES}
    assert all(len(numbers) == 8000 for numbers in ids.values())
    for one, other in combinations(CODES, 2):
        assert 2800 < len(ids[one] & ids[other]) < 3200


def test_a_meaning_is_one_sentence(world: Path) -> None:
    for code in CODES:
        assert len(set(read_lines(world / f"mono.{code}"))) == 8000


def test_nothing_held_out_is_in_a_text_or_twice(world: Path) -> None:
    for code in CODES:
        held_out = read_lines(world / f"dev.{code}") + read_lines(world / f"test.{code}")
        assert len(set(held_out)) == len(held_out)
        assert not set(held_out) & set(read_lines(world / f"mono.{code}"))


def test_sentences_are_short(world: Path) -> None:
    lengths = [len(line.split()) for code in CODES for line in read_lines(world / f"mono.{code}")]
    assert 4 <= sum(lengths) / len(lengths) <= 8


def test_spelling_alone_finds_less_than_half_and_many_translations_share_no_word(world: Path) -> None:
    lines = {code: read_lines(world / f"test.{code}") for code in CODES}
    encoder = SurfaceEncoder.fit([line for code in CODES for line in read_lines(world / f"mono.{code}")])
    vectors = {code: encoder.encode_sparse(lines[code]) for code in CODES}
    right, unshared = list[float](), list[float]()
    for one, other in combinations(CODES, 2):
        cosines = (vectors[one] @ vectors[other].T).toarray()
        right += [sum(cosines.argmax(axis) == range(250)) / 250 for axis in (0, 1)]
        apart = [not set(x.split()) & set(y.split()) for x, y in zip(lines[one], lines[other], strict=True)]
        unshared.append(sum(apart) / 250)
    assert sum(right) / len(right) < 0.45
    assert min(unshared) > 0.1
    assert sum(unshared) / len(unshared) > 0.25


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    """The hash was taken once: another machine or Python must not change the world."""
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        write_world(tmp_path / name, WorldConfig.quick(seed))
    digests = {name: digest(tmp_path / name) for name in ("one", "again", "other")}
    assert digests["one"] == digests["again"] != digests["other"]
    assert digests["one"] == "41bc528be877a3a7cbd9869e270058d0600bd606494319dba1df04a0a6e37b16"


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def test_an_impossible_world_is_refused_with_every_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        write_world(tmp_path / "world", WorldConfig(sentences=100, meanings=50, test=0))
    assert "`test` must be at least 1" in str(caught.value)
    assert "`meanings` must be at least 100" in str(caught.value)
    assert not (tmp_path / "world").exists()
