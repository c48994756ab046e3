"""Pseudo-parallel mining, multilingual translation and cross-lingual retrieval as a fairseq plug-in."""

from __future__ import annotations

import importlib
from pathlib import Path

__version__ = "0.1.0"

USER_DIR = str(Path(__file__).resolve().parent)


def register() -> None:
    """Make our tasks, models and criterions known to fairseq in this process; calling it again changes nothing.

    fairseq's `--user-dir` imports the package by itself and registers nothing when it is already imported,
    which is always so in a notebook: call this instead.
    """
    for floor in ("tasks", "models"):
        importlib.import_module(f"{__name__}.{floor}")


__all__ = ["USER_DIR", "__version__", "register"]
