"""Fixtures that every test may use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from references.written_model import WrittenModel

# No test may ask the internet for a model; read once, when the library is imported.
os.environ["HF_HUB_OFFLINE"] = "1"

# A busy machine is no fault of the code: examples have no deadline, and slow generation of one is no failure.
settings.register_profile("house", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

ROOT = Path(__file__).resolve().parents[1]

RunCli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def oracles() -> Path:
    """The folder of oracle fixtures: XLING_ORACLES, or tests/oracles."""
    folder = Path(os.environ.get("XLING_ORACLES") or ROOT / "tests" / "oracles")
    assert folder.is_dir(), f"XLING_ORACLES names {folder}, which is not a folder"
    return folder


@pytest.fixture(scope="session")
def xling_data() -> Path:
    """The folder with real text that XLING_DATA names; without it the test is skipped."""
    named = os.environ.get("XLING_DATA")
    if not named:
        pytest.skip("XLING_DATA names no folder with real text")
    folder = Path(named)
    assert folder.is_dir(), f"XLING_DATA names {folder}, which is not a folder"
    return folder


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def written_model(tmp_path_factory: pytest.TempPathFactory) -> WrittenModel:
    """A small checkpoint of random weights with its DATA and texts; only to be read."""
    from references.written_model import write_model

    return write_model(tmp_path_factory.mktemp("model") / "w")


@pytest.fixture
def run_cli(tmp_path: Path) -> RunCli:
    """`fairseq-xling ARGUMENTS` as a subprocess in an empty directory: its exit code, stdout and stderr."""

    def run(
        *arguments: str | os.PathLike[str],
        stdin: str | None = None,
        timeout: float = 120,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fairseq_xling", *map(os.fspath, arguments)],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            cwd=cwd or tmp_path,
            env=cli_environment() | (env or {}),
            check=False,
        )

    return run


def cli_environment() -> dict[str, str]:
    """This process's environment, with the checkout importable from any directory and one thread of each library."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
