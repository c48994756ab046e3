"""examples/dap and examples/labse run as written; every recipe names what is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from fairseq.criterions import CRITERION_DATACLASS_REGISTRY
from fairseq.models import ARCH_CONFIG_REGISTRY
from fairseq.tasks import TASK_DATACLASS_REGISTRY

import fairseq_xling
from fairseq_xling.cli.iterate import sections
from fairseq_xling.rounds.config import read_rounds
from fairseq_xling.rounds.stacking import plan_of

# What each ablation changes of the recipe it is one of.
ABLATIONS = {
    ("dap", "dap_source"): {"criterion": {"rtl_direction": "source"}},
    ("dap", "dap_both"): {"criterion": {"rtl_direction": "both"}},
    ("dap", "dap_ratio"): {"criterion": {"rtl_ratio": 0.5}},
    ("dap", "dap_masked_source"): {"criterion": {"rtl_hide": 0.5}},
    ("dap", "dap_restricted"): {"criterion": {"rtl_vocabulary": "???"}},
    ("dap", "dap_light"): {"criterion": {"rtl_weight": 0.1}},
    ("dap", "dap_one_layer"): {"model": {"rtl_layers": 1}},
    ("dap", "dap_three_layers"): {"model": {"rtl_layers": 3}},
    ("dap", "dap_mean"): {"model": {"dual_pooling": "mean"}},
    ("labse", "labse_unpretrained"): {"checkpoint": {"finetune_from_model": None}},
    ("labse", "labse_local"): {"criterion": {"ranking_local_negatives": True}},
    ("labse", "labse_no_margin"): {"criterion": {"ranking_margin": 0}},
    ("labse", "labse_hard"): {"task": {"dual_hard_negatives": 3}},
}
RECIPES = [("dap", name) for name in ("tr", "tr_tlm", "dap")] + [("labse", f"stage{n}") for n in (1, 2, 3)]
RECIPES += [("labse", "labse"), *ABLATIONS]


def recipe_of(root: Path, folder: str, name: str, size: str) -> dict[str, Any]:
    """The file's content; `size` is tiny or full."""
    full = "xlmr_base" if folder == "dap" else "base"
    path = root / "examples" / folder / f"{name}_{full if size == 'full' else size}.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.plugin
@pytest.mark.parametrize(("folder", "name"), RECIPES)
def test_recipes_and_their_twins(root: Path, folder: str, name: str) -> None:
    """Options exist under the names that the files give them, and a twin differs in sizes alone."""
    fairseq_xling.register()
    loaded = []
    for size in ("full", "tiny"):
        recipe = recipe_of(root, folder, name, size)
        for part, registry in (("task", TASK_DATACLASS_REGISTRY), ("criterion", CRITERION_DATACLASS_REGISTRY)):
            known = registry[recipe[part]["_name"]].__dataclass_fields__
            assert recipe[part].keys() - {"_name"} <= known.keys()
        assert recipe["model"]["_name"] in ARCH_CONFIG_REGISTRY
        loaded.append(recipe)
    full, tiny = loaded
    assert full["criterion"] == tiny["criterion"]
    assert full["task"].keys() == tiny["task"].keys()
    assert full["optimization"]["max_update"] > tiny["optimization"]["max_update"]


@pytest.mark.plugin
@pytest.mark.parametrize(("folder", "name"), ABLATIONS)
def test_an_ablation_changes_one_thing(root: Path, folder: str, name: str) -> None:
    for size in ("full", "tiny"):
        whole, ablation = (recipe_of(root, folder, other, size) for other in (name.partition("_")[0], name))
        for part, options in ABLATIONS[folder, name].items():
            whole[part] |= options
        assert ablation == whole


@pytest.mark.plugin
@pytest.mark.parametrize(("folder", "ending"), [("dap", "xlmr_base"), ("labse", "base")])
def test_the_readme_names_every_recipe(root: Path, folder: str, ending: str) -> None:
    text = (root / "examples" / folder / "README.md").read_text(encoding="utf-8")
    names = {
        path.name.removesuffix(f"_{ending}.yaml") for path in (root / "examples" / folder).glob(f"*_{ending}.yaml")
    }
    assert len(names) > 4
    assert [name for name in sorted(names) if f"`{name}" not in text] == []


@pytest.mark.plugin
@pytest.mark.parametrize("size", ["tiny", "base"])
def test_stacking_recipes_can_be_read(root: Path, monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    monkeypatch.setenv("LABSE_TEXT", "/nowhere")
    path = root / "examples" / "labse" / f"stacking_{size}.yaml"
    config = read_rounds(yaml.safe_load(path.read_text(encoding="utf-8")), path.parent, sections(), "ignored")
    kinds = plan_of(config).kinds
    assert (kinds["pretrain"], kinds["align"]) == (3, 1)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("folder", "trained"),
    [("dap", ["tr", "tr_tlm", "dap", "dap_both", "dap_restricted"]), ("labse", ["labse_unpretrained", "labse_hard"])],
)
def test_example(root: Path, tmp_path: Path, folder: str, trained: list[str]) -> None:
    done = subprocess.run(
        ["bash", root / "examples" / folder / "run.sh", tmp_path / "out", *trained],
        env=os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(root)},
        capture_output=True,
        encoding="utf-8",
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    values = [float(value) for value in re.findall(r"tatoeba\.accuracy\s+([\d.]+)", done.stdout)]
    assert len(values) >= 2 * len(trained)
    assert min(values) > 0.2  # by chance one of 250
