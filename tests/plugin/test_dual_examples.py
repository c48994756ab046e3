"""examples/dap and examples/labse run as written; every recipe names what is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fairseq.criterions import CRITERION_DATACLASS_REGISTRY
from fairseq.models import ARCH_CONFIG_REGISTRY
from fairseq.tasks import TASK_DATACLASS_REGISTRY

import fairseq_xling

RECIPES = [("dap", name) for name in ("tr", "tr_tlm", "dap")] + [("labse", f"stage{n}") for n in (1, 2, 3)]
RECIPES += [("labse", "labse")]


@pytest.mark.plugin
@pytest.mark.parametrize(("folder", "name"), RECIPES)
def test_recipes_and_their_twins(root: Path, folder: str, name: str) -> None:
    """Options exist under the names that the files give them, and a twin differs in sizes alone."""
    fairseq_xling.register()
    loaded = []
    for size in ("xlmr_base" if folder == "dap" else "base", "tiny"):
        recipe = yaml.safe_load((root / "examples" / folder / f"{name}_{size}.yaml").read_text(encoding="utf-8"))
        for part, registry in (("task", TASK_DATACLASS_REGISTRY), ("criterion", CRITERION_DATACLASS_REGISTRY)):
            known = registry[recipe[part]["_name"]].__dataclass_fields__
            assert recipe[part].keys() - {"_name"} <= known.keys()
        assert recipe["model"]["_name"] in ARCH_CONFIG_REGISTRY
        loaded.append(recipe)
    full, tiny = loaded
    assert full["criterion"] == tiny["criterion"]
    assert full["task"].keys() == tiny["task"].keys()
    assert full["optimization"]["max_update"] > tiny["optimization"]["max_update"]


@pytest.mark.nightly
@pytest.mark.parametrize(("folder", "trained"), [("dap", ["tr", "tr_tlm", "dap"]), ("labse", ["labse"])])
def test_example(root: Path, tmp_path: Path, folder: str, trained: list[str]) -> None:
    done = subprocess.run(
        ["bash", root / "examples" / folder / "run.sh", tmp_path / "out"],
        env=os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(root)},
        capture_output=True,
        encoding="utf-8",
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    values = [float(value) for value in re.findall(r"tatoeba\.accuracy\s+([\d.]+)", done.stdout)]
    assert len(values) >= 2 * len(trained)
    assert min(values) > 0.2  # by chance one of 250
