"""Pseudo-parallel mining, multilingual translation and cross-lingual retrieval as a fairseq plug-in."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

__version__ = "0.1.0"

USER_DIR = str(Path(__file__).resolve().parent)


def register() -> None:
    """Make our tasks, models and criterions known to fairseq in this process; calling it again changes nothing.

    fairseq's `--user-dir` imports the package by itself and registers nothing when it is already imported,
    which is always so in a notebook: call this instead. It imports what `--user-dir` would: every module of
    the two packages whose name has no leading underscore.
    """
    for floor in ("tasks", "models"):
        package = importlib.import_module(f"{__name__}.{floor}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.name.rpartition(".")[2].startswith("_"):
                importlib.import_module(module.name)


__all__ = ["USER_DIR", "__version__", "register"]
