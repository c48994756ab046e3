"""`examples/evaluation/run.sh` as written: every score of the invented sets is what they were made to give."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytestmark = pytest.mark.plugin


def test_evaluation_example(root: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", root / "examples" / "evaluation" / "run.sh", tmp_path / "out"],
        env=os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for section in done.stdout.split("== ")[1:]:
        title = re.split(r"[:,?]", section)[0].strip()
        for pair, name, value in re.findall(r"^(\S+) +(\S+) +(\d+\.\d{4})  ", section, re.MULTILINE):
            found[title, pair, name] = float(value)
    spelling = found["Tatoeba", "bbb-aaa", "surface.accuracy"]
    assert found["Tatoeba", "ccc-aaa", "surface.accuracy"] < 0.7 < spelling
    assert found["the shuffled-word control", "*", "surface.accuracy"] > spelling - 0.05
    assert found["the shuffled-word control", "*", "shuffle.moved"] > 0.7
    layers = [found["which layer knows translations", "*", f"tatoeba.accuracy.layer-{n}"] for n in range(5)]
    assert max(layers) == layers[2] > 2 * max(layers[0], layers[4])
    xsim, made_up = (found["xSIM", "source-target", name] for name in ("xsim.error", "xsim++.error"))
    assert xsim < made_up
    assert found["BUCC", "source-target", "bucc.f1.carried"] <= found["BUCC", "source-target", "bucc.f1.oracle"]
    better = found["translations of two systems", "source-target", "bleu"]
    assert found["translations of two systems", "source-target", "copy.bleu"] < better / 2
    for name in ("matrix.svg", "layers.svg"):
        assert len(ElementTree.parse(tmp_path / "out" / name).getroot()) > 10
