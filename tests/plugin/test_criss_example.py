"""examples/criss runs as written: pretraining is worth something, and the translations are right."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.nightly


def test_example(root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", root / "examples" / "criss" / "run.sh", tmp_path / "out"],
        env=os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(root)},
        capture_output=True,
        encoding="utf-8",
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = re.findall(r"from (pretrained|random) +weights: BLEU ([\d.]+)", done.stdout)
    scores = {kind: [float(score) for name, score in found if name == kind] for kind in ("pretrained", "random")}
    assert len(scores["pretrained"]) == len(scores["random"]) == 2
    assert min(scores["pretrained"]) > 80
    assert sum(scores["pretrained"]) > sum(scores["random"])
    assert done.stdout.count("   →   ") == 3
