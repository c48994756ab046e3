"""Finds the source of a fairseq module, edits it in memory and compiles it: no file and no bytecode is written."""

from __future__ import annotations

import linecache
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source
from types import CodeType, ModuleType

from fairseq_xling_host import EditingFinder
from fairseq_xling_host.edits import EDITS
from fairseq_xling_host.rows import Edit, EditStatus

DISABLE = "FAIRSEQ_XLING_HOST_DISABLE"


class EditingLoader(SourceFileLoader):
    """Compiles the edited text of one module under the path and line numbers of the file it came from."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        text = edited_text(fullname, decode_source(self.get_data(path)))
        # Tracebacks, inspect.getsource and so TorchScript read what runs, not what is on disk.
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
        code: CodeType = self.source_to_code(text.encode(), path)
        return code


def edited_spec(name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    """The spec the other finders give, with an `EditingLoader`; None when no row names the module."""
    if not rows_for(name):
        return None
    for finder in sys.meta_path:
        if finder is EditingFinder or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(name, path, target)
        if spec is None:
            continue
        if type(spec.loader) is not SourceFileLoader or spec.origin is None:
            warnings.warn(f"fairseq_xling_host: {name} has no source file to edit ({spec.origin})", stacklevel=2)
            return None
        spec.loader = EditingLoader(name, spec.origin)
        return spec
    return None


def rows_for(module: str) -> list[Edit]:
    """The rows that name `module`, without those that the environment disables."""
    off = disabled_names()
    return [row for row in EDITS if row.module == module and row.name not in off]


def disabled_names() -> frozenset[str]:
    """Rows named in FAIRSEQ_XLING_HOST_DISABLE (comma-separated): how a test sees that a row is needed."""
    names = frozenset(name for name in os.environ.get(DISABLE, "").split(",") if name)
    unknown = names - {row.name for row in EDITS}
    if unknown:
        raise ImportError(f"{DISABLE} names {', '.join(sorted(unknown))}, which is no row of fairseq_xling_host.edits")
    return names


def edited_text(module: str, text: str) -> str:
    """`text` with every row for `module` that applies; a row whose text is gone is reported, never skipped silently."""
    for row in rows_for(module):
        state = row.state(text)
        if state == "applies":
            text = row.apply(text)
        elif state != "already fixed":
            warnings.warn(
                f"fairseq_xling_host: the edit '{row.name}' does not fit {module}: {state}. "
                "This fairseq is not 0.12.2; run `fairseq-xling doctor`.",
                RuntimeWarning,
                stacklevel=2,
            )
    return text


def statuses() -> list[EditStatus]:
    """One status for each row of the table, in its order."""
    off = disabled_names()
    texts: dict[str, str | None] = {}
    found: list[EditStatus] = []
    for row in EDITS:
        text = texts.setdefault(row.module, source_text(row.module))
        state = "module not found" if text is None else row.state(text)
        if text is not None and state == "applies" and row.name not in off:
            # As on import, a row meets the text that the rows above it leave.
            texts[row.module] = row.apply(text)
        found.append(EditStatus(row, "disabled" if row.name in off else state))
    return found


def source_text(module: str) -> str | None:
    """The module's text on disk; the packages above it are located, not imported."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for depth in range(len(parts)):
        name = ".".join(parts[: depth + 1])
        spec = plain_spec(name, path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    with open(spec.origin, "rb") as file:
        return decode_source(file.read())


def plain_spec(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """The spec without edits; finders of editable installs know top-level names only, so the rest is the path's."""
    if path is not None:
        return PathFinder.find_spec(name, path)
    for finder in sys.meta_path:
        if finder is not EditingFinder and hasattr(finder, "find_spec"):
            spec = finder.find_spec(name, None, None)
            if spec is not None:
                return spec
    return None
