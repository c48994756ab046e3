"""The project's own Python files as the house tests read them: text and syntax trees, nothing imported."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = "fairseq_xling"
HOST = "fairseq_xling_host"


def package_files(root: Path, package: str = PACKAGE) -> list[Path]:
    """Every module of a package below `root`, sorted."""
    return sorted(path for path in (root / package).rglob("*.py") if "__pycache__" not in path.parts)


def tracked_files(root: Path, *patterns: str) -> list[Path]:
    """What git has of the checkout; a file that was deleted but not yet committed is left out."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--", *patterns]
    names = subprocess.run(command, capture_output=True, check=True).stdout.decode().split("\0")
    return [root / name for name in names if name and (root / name).is_file()]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path, root: Path) -> str:
    """fairseq_xling/cli/main.py is fairseq_xling.cli.main; a package's __init__.py is the package."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_names(path: Path, running: bool = False) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import wherever it stands; `from a import b` gives a.b, which may be a module.

    With `running`, those under `if TYPE_CHECKING:` are left out, because they are not made when the module runs.
    """
    unmade = _unmade(tree(path)) if running else set()
    for node in ast.walk(tree(path)):
        if node in unmade:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def _unmade(module: ast.Module) -> set[ast.AST]:
    blocks = [n.body for n in ast.walk(module) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
    return {node for block in blocks for statement in block for node in ast.walk(statement)}
