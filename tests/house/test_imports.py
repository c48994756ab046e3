"""What an import or a `--help` brings with it: a person waits for it, and a login node may not have it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from house.sources import PACKAGE, imported_names, module_name, package_files

from fairseq_xling.cli.main import VERBS

# Import names of everything heavy that we depend on; the standard library, PyYAML and tqdm are not.
HEAVY = (
    "torch", "fairseq", "fairseq_cli", "numpy", "scipy", "faiss", "numba", "sentencepiece", "sacremoses", "sacrebleu",
    "submitit", "omegaconf", "hydra", "sklearn",
)  # fmt: skip
MODELS = ("torch", "fairseq", "fairseq_cli", "omegaconf", "hydra")
# The rooms below the floor of models. In `neighbours` a module may be made of torch calls; what it serves is not.
NUMERIC_ROOMS = ("text", "mining", "words", "retrieval", "evaluation", "neighbours", "rounds", "report")


def loaded_by(root: Path, statement: str, names: tuple[str, ...]) -> list[str]:
    """Which of `names` are imported once a fresh interpreter has run `statement`."""
    report = f"import sys, json; sys.stderr.write(json.dumps([n for n in {names!r} if n in sys.modules]))"
    program = f"try:\n    {statement}\nfinally:\n    {report}"
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    return list(json.loads(done.stderr))


def test_the_probe_sees_an_import(root: Path) -> None:
    assert loaded_by(root, "import numpy", HEAVY) == ["numpy"]


def test_package(root: Path) -> None:
    assert loaded_by(root, "import fairseq_xling", HEAVY) == []


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["user-dir"]])
def test_command_line(root: Path, arguments: list[str]) -> None:
    assert loaded_by(root, f"from fairseq_xling.cli.main import main; main({arguments})", HEAVY) == []


def test_help_of_a_verb_knows_no_models(root: Path) -> None:
    """One process for all verbs: the first that breaks the rule is where the list begins to fill."""
    each = "; ".join(f"main(['{verb}', '--help']); seen('{verb}')" for verb in VERBS)
    start = "import sys; from fairseq_xling.cli.main import main; found = []"
    seen = f"seen = lambda verb: found.extend((verb, n) for n in {MODELS!r} if n in sys.modules)"
    program = f"{start}; {seen}; {each}; sys.stderr.write(repr(found))"
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stderr == "[]"


def test_numeric_rooms_import_without_torch(root: Path) -> None:
    modules = {module_name(path, root): path for path in package_files(root)}
    rooms = {name: path for name, path in modules.items() if name.count(".") and name.split(".")[1] in NUMERIC_ROOMS}
    searches = {name: path for name, path in rooms.items() if ".neighbours." in name}
    heavy = {name for name, path in searches.items() if "torch" in direct_imports(path)}
    while more := {name for name, path in searches.items() if imported_modules(path) & heavy} - heavy:
        heavy |= more  # made of what is made of torch calls
    assert f"{PACKAGE}.neighbours.kernel" in heavy
    assert loaded_by(root, f"import {', '.join(sorted(rooms.keys() - heavy))}", MODELS) == []


def imported_modules(path: Path) -> set[str]:
    """Modules that names are taken from when this one is imported."""
    return {name.rpartition(".")[0] for _, name in imported_names(path, running=True)}


def direct_imports(path: Path) -> set[str]:
    return {name.partition(".")[0] for _, name in imported_names(path)}
