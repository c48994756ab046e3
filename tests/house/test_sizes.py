"""Files of at most 400 lines, functions of at most 60 lines and 6 parameters, names that say something."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from house.sources import tracked_files, tree

MOST_LINES = 400
MOST_FUNCTION_LINES = 60
MOST_PARAMETERS = 6
VAGUE = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"}
# Methods whose parameters fairseq decides, because they override one of its own.
DICTATED = {"fairseq_xling/models/_attention.py forward"}
# A function that is compiled takes arrays and numbers; there is no config that it could take instead.
COMPILERS = {"_compiled", "njit", "intrinsic"}


def too_large(path: Path) -> Iterator[str]:
    """What of one Python file is larger than the house allows, or named without meaning."""
    lines = path.read_text(encoding="utf-8").count("\n")
    if lines > MOST_LINES:
        yield f"{path.name}: {lines} lines"
    if VAGUE & set(path.stem.strip("_").split("_")):
        yield f"{path.name}: a name that says nothing"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MOST_FUNCTION_LINES:
                yield f"{path.name}:{node.lineno} {node.name}: {length} lines"


def too_many_parameters(path: Path) -> Iterator[tuple[str, int]]:
    """(function, number) above the limit; a test's parameters are fixtures and cases, not a call to be written."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not path.name.startswith("test_"):
            count = len(_parameters(node.args))
            if count > MOST_PARAMETERS and not COMPILERS & {_decorator(item) for item in node.decorator_list}:
                yield node.name, count


def _decorator(node: ast.expr) -> str:
    called = node.func if isinstance(node, ast.Call) else node
    return called.attr if isinstance(called, ast.Attribute) else ast.unparse(called)


def _parameters(arguments: ast.arguments) -> list[str]:
    names = [a.arg for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def test_sizes(root: Path) -> None:
    files = tracked_files(root, "*.py")
    assert len(files) > 30
    assert [f"{path.relative_to(root).parent}/{fault}" for path in files for fault in too_large(path)] == []


def test_parameters(root: Path) -> None:
    files = tracked_files(root, "*.py")
    found = {f"{path.relative_to(root)} {name}" for path in files for name, _ in too_many_parameters(path)}
    assert found == DICTATED


def test_folders_say_something(root: Path) -> None:
    folders = {part for path in tracked_files(root) for part in path.relative_to(root).parts[:-1]}
    assert folders & VAGUE == set()


def test_what_user_dir_puts_first_on_the_path_holds_no_foreign_modules(root: Path) -> None:
    """`--user-dir` puts the checkout first on sys.path: a loose module there could hide somebody else's."""
    loose = {path.name for path in tracked_files(root, "*.py") if path.parent == root}
    assert loose == {"setup.py"}
    packages = {path.parent.name for path in tracked_files(root, "*/__init__.py") if path.parent.parent == root}
    assert packages == {"fairseq_xling", "fairseq_xling_host"}


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.py", "x = 1\n" * 401, "a.py: 401 lines"),
        ("a.py", "x = 1\n" * 400, None),
        ("text_utils.py", "", "text_utils.py: a name that says nothing"),
        ("a.py", "def f():\n" + "    x = 1\n" * 60, "a.py:1 f: 61 lines"),
        ("a.py", "def f():\n" + "    x = 1\n" * 59, None),
    ],
)
def test_planted_sizes(tmp_path: Path, name: str, text: str, complaint: str | None) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert list(too_large(tmp_path / name)) == ([complaint] if complaint else [])


@pytest.mark.parametrize(
    ("name", "text", "count"),
    [
        ("a.py", "def f(a, b, c, d, e, f, g): ...", 7),
        ("a.py", "def f(a, b, c, *, d, e, f, g, h): ...", 8),
        ("a.py", "@cache\ndef f(a, b, c, d, e, f, g): ...", 7),
        ("a.py", "def f(a, b, c, d, e, f): ...", None),
        ("a.py", "class C:\n    def f(self, a, b, c, d, e, f): ...", None),
        ("a.py", "@numba.njit(nogil=True)\ndef f(a, b, c, d, e, f, g): ...", None),
        ("test_a.py", "def f(a, b, c, d, e, f, g): ...", None),
    ],
)
def test_planted_parameters(tmp_path: Path, name: str, text: str, count: int | None) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert list(too_many_parameters(tmp_path / name)) == ([("f", count)] if count else [])
