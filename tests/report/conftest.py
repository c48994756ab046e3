"""An invented run, written once; tests that change something write their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from references.small_run import Size, write_run

from fairseq_xling.report.reading import Run, read_run

Open = Callable[[Path], Run]


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture(scope="session")
def open_run() -> Open:
    """A run directory with its configuration, without a plan."""
    return lambda root: read_run(root, yaml.safe_load((root / "config.yaml").read_text()))


@pytest.fixture
def run(run_dir: Path, open_run: Open) -> Run:
    return open_run(run_dir)


@pytest.fixture
def write(tmp_path: Path, open_run: Open) -> Callable[[Size], Run]:
    """A run of another size."""
    return lambda size: open_run(write_run(tmp_path / "other", size))
