"""Finds a `--user-dir` that is given as the bare name of an installed package."""

from __future__ import annotations

import os
from importlib.util import find_spec


def installed_directory(name: str) -> str:
    """The directory of the importable package `name`, which is located, not imported.

    Raises FileNotFoundError, with what fairseq looked for, where there is none. fairseq itself looks in the current
    directory and beside its own package, where an editable install has nothing.
    """
    spec = find_spec(name) if name.isidentifier() else None
    folders = list(spec.submodule_search_locations or []) if spec is not None else []
    if not folders:
        raise FileNotFoundError(
            f"--user-dir {name}: no such directory ({os.path.abspath(name)}), and no installed package of that name"
        )
    return folders[0]
