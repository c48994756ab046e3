"""Tests mirror the package: fairseq_xling/text/filters.py is tested by tests/text/test_filters.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from house.sources import HOST, PACKAGE, package_files

# Folders of tests that stand for no folder of the package.
OTHER_TESTS = {"house", "plugin", "slurm", "browser", "oracles", "references"}
# Modules without a test file of their own, and what tests them instead.
NO_TEST = {
    "__main__.py": "every test in tests/cli starts it",
    "tasks/__init__.py": "tests/plugin/test_user_dir.py",
    # One search in four files: test_kernel.py runs each of its backends, precisions and grids against loops.
    "neighbours/coarse.py": "tests/neighbours/test_kernel.py",
    "neighbours/compiled.py": "tests/neighbours/test_kernel.py",
    "neighbours/sweep.py": "tests/neighbours/test_kernel.py",
    "neighbours/workers.py": "tests/neighbours/test_kernel.py",
}
# Test files of the host layer are named after what it mends, not after its modules.
HOST_TESTS = "host"


def unmatched(root: Path) -> list[str]:
    """Modules without their test file, test files without their module, and exceptions that are not needed any more."""
    wanted = {_test_of(path, root): path for path in package_files(root) if _has_code(path)}
    found = {
        path.relative_to(root / "tests")
        for path in (root / "tests").rglob("test_*.py")
        if path.relative_to(root / "tests").parts[0] not in OTHER_TESTS | {HOST_TESTS}
    }
    faults = []
    for test, module in wanted.items():
        name = module.relative_to(root / PACKAGE).as_posix()
        if (test in found) == (name in NO_TEST):
            faults.append(
                f"tests/{test} " + ("stands for an exception" if name in NO_TEST else f"is missing for {name}")
            )
    faults += [f"tests/{test} stands for no module" for test in found - set(wanted)]
    return sorted(faults)


def _test_of(module: Path, root: Path) -> Path:
    relative = module.relative_to(root / PACKAGE)
    stem = "init" if relative.stem == "__init__" else relative.stem.lstrip("_")
    return relative.with_name(f"test_{stem}.py")


def _has_code(path: Path) -> bool:
    """An __init__.py that only describes its room, or passes names on, has nothing to test."""
    if path.name != "__init__.py":
        return True
    lines = path.read_text(encoding="utf-8").splitlines()
    return any(line.startswith(("def ", "class ")) for line in lines)


def test_mirror(root: Path) -> None:
    assert unmatched(root) == []


def test_the_host_layer_is_tested(root: Path) -> None:
    assert package_files(root, HOST)
    assert list((root / "tests" / HOST_TESTS).glob("test_*.py"))


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (["fairseq_xling/text/planted.py"], "tests/text/test_planted.py is missing for text/planted.py"),
        (["tests/text/test_planted.py"], "tests/text/test_planted.py stands for no module"),
        (["fairseq_xling/_planted.py", "tests/test_planted.py"], None),
        (["tests/house/test_planted.py"], None),
        (["fairseq_xling/text/__init__.py"], None),
    ],
)
def test_a_planted_gap_is_found(tmp_path: Path, files: list[str], complaint: str | None) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    assert unmatched(tmp_path) == ([complaint] if complaint else [])
