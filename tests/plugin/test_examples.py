"""The examples run as written, from their folder's README."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.plugin


def test_mining_example(root: Path, tmp_path: Path) -> None:
    """`examples/mining/run.sh`: what the estimate trusts is right, the picture is drawn, training data is there."""
    done = subprocess.run(
        ["bash", root / "examples" / "mining" / "run.sh", tmp_path / "out"],
        env=os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(root)},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first = next(line.split() for line in done.stdout.splitlines() if "pairs.precision" in line)
    assert float(first[2]) > 0.88
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"margins.svg", "all.tsv", "trusted.tsv", "curve.tsv"} <= names
    assert (tmp_path / "out" / "data" / "train.aaa-bbb.aaa").is_file()
