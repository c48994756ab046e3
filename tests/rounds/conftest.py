"""A configuration and its files, for tests that only plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairseq_xling.cli.iterate import sections
from fairseq_xling.rounds.config import RoundsConfig, read_rounds

Read = Callable[..., RoundsConfig]


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    """Three languages with all files there are, relative to tmp_path."""
    languages = {}
    for code in ("aa", "bb", "cc"):
        named = {"mono": f"mono.{code}", "ids": f"ids.{code}", "dev": f"dev.{code}", "test": f"test.{code}"}
        for role, name in named.items():
            count = 4 if role in ("mono", "ids") else 2
            (tmp_path / name).write_text("".join(f"{code} {role} {line}\n" for line in range(count)))
        languages[code] = named
    return {"languages": languages, "start": "surface", "rounds": 2, "training": {"arch": "criss_tiny"}}


@pytest.fixture
def read(values: dict[str, Any], tmp_path: Path) -> Read:
    """The configuration with some sections replaced; None takes one away."""

    def read_with(absent: Any = "refused", **sections_: Any) -> RoundsConfig:
        given = {name: value for name, value in (values | sections_).items() if value is not None}
        return read_rounds(given, tmp_path, sections(), absent)

    return read_with
