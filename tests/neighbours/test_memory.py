"""What fits into a limit: by arithmetic here, by measurement in tests/mining/test_outofcore.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fairseq_xling.errors import ConfigError
from fairseq_xling.neighbours.memory import PROGRAM, Work, check_limit, held_now, most_rows, parse_bytes, plan_tiles

LARGE = Work(200_000, 200_000, 1024, 4, threads=2)


@pytest.mark.parametrize(
    ("text", "size"),
    [("2G", 2 << 30), ("1.5K", 1536), ("300", 300), ("7M", 7 << 20), ("1T", 1 << 40), ("2g", None), ("G", None),
     ("2 G", None), ("-1G", None), ("", None), ("2GB", None)],
)  # fmt: skip
def test_sizes(text: str, size: int | None) -> None:
    assert parse_bytes(text) == size


def test_half_the_memory_for_vectors_is_half_the_rows() -> None:
    rows = [most_rows(LARGE, limit) for limit in ("800M", "1100M", "1400M")]
    assert rows[2] - rows[1] == pytest.approx(rows[1] - rows[0], abs=1)
    assert (rows[1] - rows[0]) * 1024 * 12 < 300 << 20
    assert 16 * most_rows(replace(LARGE, dim=64), "800M") > 16 * rows[0]


def test_without_a_limit_a_tile_is_still_no_longer_than_should_be_lost() -> None:
    assert most_rows(LARGE, None) == most_rows(LARGE, "900G") == 131_072
    assert len(plan_tiles(LARGE, None)) == 16
    assert len(plan_tiles(Work(5000, 5000, 1024, 4), None)) == 1


def test_workers_share_the_limit_and_have_several_tiles_each() -> None:
    two = replace(LARGE, workers=2)
    assert most_rows(two, "2G") < most_rows(LARGE, "2G") / 2
    for sources in (5000, LARGE.sources, 100_000):
        for workers in (2, 3):
            grid = plan_tiles(replace(LARGE, sources=sources, targets=sources, workers=workers), None)
            assert grid.rows % workers == 0  # as many for each
            assert grid.columns >= 4  # so that none waits long for another's last tile
            assert max(grid.largest) <= 32_768
    assert len(plan_tiles(replace(two, sources=1, targets=2), None)) == 2


@pytest.mark.parametrize("work", [LARGE, Work(50, 60, 8, 4), Work(10**7, 10**7, 256, 4), replace(LARGE, workers=3)])
def test_the_least_limit_that_is_named_is_enough(work: Work) -> None:
    with pytest.raises(ConfigError, match="--memory-limit 10M is too little for") as refused:
        check_limit(work, "10M")
    named = str(refused.value).split()[-3]
    check_limit(work, named)
    below = f"{int(named.removesuffix('M')) - 2}M"
    with pytest.raises(ConfigError):
        check_limit(work, below)
    assert sum(plan_tiles(work, named).largest) <= max(2048, most_rows(work, named))


def test_what_the_caller_holds_counts() -> None:
    assert most_rows(LARGE, "1G", held=100 << 20) == most_rows(LARGE, f"{1024 - 100}M")
    before = held_now()
    ballast = np.ones(PROGRAM // 4, np.float64)
    assert held_now() - before == pytest.approx(ballast.nbytes, rel=0.1) or before == 0
    assert held_now() > ballast.nbytes - PROGRAM
