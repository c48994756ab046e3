"""A floor imports strictly lower floors; imports inside functions and under TYPE_CHECKING count."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from house.sources import HOST, PACKAGE, imported_names, module_name, package_files

F0 = {"errors", "languages", "files", "vectors", "signatures", "configs", "protocols", "tilegrid", "processes"}
BASE = {"text", "neighbours"}
F1 = BASE | {"mining", "words", "retrieval", "evaluation"}
F3 = {"tasks", "criterions", "optimizers", "models", "data", "encoders", "interchange"}

# Room: the rooms it may import. F0 is open to all, and a room may import itself.
MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(F0, set()),
    **dict.fromkeys(BASE, set()),
    **dict.fromkeys(F1 - BASE, BASE),
    "nn": set(),
    **dict.fromkeys(F3, F1 | {"nn"}),
    "criterions": {"nn"},
    "optimizers": set(),
    "models": {"nn"},
    "tasks": F1 | {"nn", "data", "criterions", "optimizers", "models"},
    "encoders": F1 | {"nn", "data", "models"},
    "interchange": F1 | {"nn", "data", "models", "encoders"},
    "rounds": set(),
    "report": set(),
    "demo": set(),
    "cli": F0 | F1 | F3 | {"nn", "rounds", "report", "demo"},
}

# Room: what it may import from outside Python's own library; numpy is open to all but those named in NO_NUMPY.
FAIRSEQ = {"torch", "fairseq", "fairseq_cli", "omegaconf", "hydra", "sentencepiece", "sacrebleu", HOST}
OUTSIDE: dict[str, set[str]] = {
    **dict.fromkeys(F0, set()),
    "text": {"scipy", "sentencepiece", "sacremoses", "fasttext"},
    "neighbours": {"faiss", "numba", "llvmlite", "torch", "scipy"},
    "mining": {"scipy"},
    "words": {"scipy"},
    "retrieval": set(),
    "evaluation": {"sacrebleu"},
    "nn": {"torch"},
    **dict.fromkeys(F3, FAIRSEQ),
    "interchange": FAIRSEQ | {"transformers", "tokenizers", "sentence_transformers", "safetensors", "mteb"},
    "rounds": {"yaml", "submitit"},
    "report": set(),
    "demo": set(),
    "cli": {"tqdm", "yaml", HOST},
}
NO_NUMPY = {"errors", "languages", "files", "signatures", "configs", "rounds", "tilegrid", "processes"}

PACKAGE_NAMES = {"__main__", "__version__", "USER_DIR", "register"}

# Modules that import by a name computed when they run: the plug-in's registration, and the verb that is called.
IMPORT_BY_NAME = {PACKAGE, f"{PACKAGE}.cli.main"}

# (module, what it imports inside a function): circles that somebody else's interface asks for.
CIRCLES = {
    # fairseq's hub calls the class method from_pretrained, and what that does needs the class.
    ("fairseq_xling.models.criss", "fairseq_xling.models._hub"),
}


def violations(root: Path) -> list[str]:
    """One line for each import that climbs, goes sideways, or brings a package that its floor must not know."""
    return sorted([*_in_package(root), *_in_host(root), *_cycles(root)])


def _in_package(root: Path) -> Iterator[str]:
    for path in package_files(root):
        here = module_name(path, root)
        room = _room(here)
        if room is not None and room not in MAY_IMPORT:
            yield f"{here}: {room} is a room that DESIGN does not know"
            continue
        for line, name in imported_names(path):
            if not _allowed(here, room, name):
                yield f"{here}:{line} imports {name}"


def _allowed(here: str, room: str | None, name: str) -> bool:
    top = name.partition(".")[0]
    if not top:
        return False  # relative: says less about where one stands
    if top == "importlib" and name not in ("importlib.metadata", "importlib.resources", "importlib.util.find_spec"):
        return here in IMPORT_BY_NAME
    if top == PACKAGE:
        target = _room(name)
        if room is None:  # __init__ knows nothing; __main__ knows the command line
            return here == f"{PACKAGE}.__main__" and target == "cli"
        return target in {None, room} | F0 | MAY_IMPORT[room]
    if top in sys.stdlib_module_names:
        return True
    if room is None:
        return False
    return top in OUTSIDE[room] or (top == "numpy" and room not in NO_NUMPY)


def _room(name: str) -> str | None:
    """The folder or F0 module that a dotted name of ours lies in; None for the package itself and what it defines."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] not in PACKAGE_NAMES else None


def _in_host(root: Path) -> Iterator[str]:
    """The host layer stands beside the package: it must work before and without it."""
    for path in package_files(root, HOST):
        for line, name in imported_names(path):
            if name.partition(".")[0] == PACKAGE:
                yield f"{module_name(path, root)}:{line} imports {name}"


def _cycles(root: Path) -> Iterator[str]:
    """Modules of the package that reach themselves through imports made when they run."""
    modules = {module_name(path, root): path for path in package_files(root)}
    edges = {
        here: {_module(name, modules) for _, name in imported_names(path, running=True)}
        - {imported for importing, imported in CIRCLES if importing == here}
        for here, path in modules.items()
    }
    for here in modules:
        reached, ahead = set[str](), edges[here] - {None, here}
        while ahead:
            step = ahead.pop()
            if step not in reached:
                reached.add(step)
                ahead |= edges[step] - {None}
        if here in reached:
            yield f"{here} imports itself in a circle"


def _module(name: str, modules: dict[str, Path]) -> str | None:
    """The module that `from a import b` brings: a.b where that is a module, else a."""
    return next((part for part in (name, name.rpartition(".")[0]) if part in modules), None)


def test_floors(root: Path) -> None:
    assert violations(root) == []


PLANTED = [
    ("errors.py", "import torch", "fairseq_xling.errors:1 imports torch"),
    ("files.py", "import numpy as np", "fairseq_xling.files:1 imports numpy"),
    ("text/planted.py", "from fairseq_xling.neighbours import kernel", "imports fairseq_xling.neighbours.kernel"),
    ("text/planted.py", "def f():\n    from fairseq_xling import neighbours", ":2 imports fairseq_xling.neighbours"),
    ("mining/planted.py", "class C:\n  def f(self):\n    import fairseq.data", ":3 imports fairseq.data"),
    ("mining/planted.py", "from fairseq_xling.evaluation import score", "imports fairseq_xling.evaluation.score"),
    ("evaluation/planted.py", "import submitit", "imports submitit"),
    ("mining/planted.py", "if TYPE_CHECKING:\n    import torch", ":2 imports torch"),
    ("mining/planted.py", "from .config import MiningConfig", "imports .config.MiningConfig"),
    ("text/planted.py", "import importlib\nimportlib.import_module('fairseq')", ":1 imports importlib"),
    ("rounds/planted.py", "from fairseq_xling.mining import mine_pairs", "imports fairseq_xling.mining.mine_pairs"),
    ("nn/planted.py", "from fairseq_xling.data import pairs", "imports fairseq_xling.data.pairs"),
    ("models/planted.py", "from fairseq_xling import tasks", "imports fairseq_xling.tasks"),
    ("attic/planted.py", "import os", "attic is a room that DESIGN does not know"),
    ("errors.py", "from fairseq_xling import files", "fairseq_xling.errors imports itself in a circle"),
    ("../fairseq_xling_host/planted.py", "import fairseq_xling.errors", "imports fairseq_xling.errors"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "text", "complaint"), PLANTED)
def test_a_planted_violation_is_found(root: Path, tmp_path: Path, place: str, text: str, complaint: str) -> None:
    for package in (PACKAGE, HOST):
        shutil.copytree(root / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / PACKAGE / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{text}\n{path.read_text(encoding='utf-8') if path.exists() else ''}", encoding="utf-8")
    found = violations(tmp_path)
    assert found
    assert any(complaint in line for line in found), found
