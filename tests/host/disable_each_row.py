"""Switches off one row of the host's table after the other and sees that row's test fail: `make host-mutation`."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

from fairseq_xling_host.edits import EDITS
from fairseq_xling_host.loading import DISABLE

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def row_tests() -> dict[str, str]:
    """Row name to the id of its test: `numpy-int` has `test_numpy_int`; the no-eval rows share one, by parameter."""
    found: dict[str, str] = {}
    names = {row.name for row in EDITS}
    for path in sorted(HERE.glob("test_rows_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                row = node.name.removeprefix("test_").replace("_", "-")
                where = f"{path.relative_to(ROOT)}::{node.name}"
                if row in names:
                    found[row] = where
                elif row == "no-eval":
                    found |= {name: f"{where}[{name}]" for name in names if name.startswith("no-eval-")}
    return found


def run(test: str, disabled: str, mark: str = "") -> int:
    """pytest's exit status for one test with one row off: 0 passed, 1 failed, 2 and 4 could not be collected."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", mark, test]
    environment = os.environ | {DISABLE: disabled, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False).returncode


def main() -> int:
    """0 when each test passes with its row and fails without it."""
    tests, faults = row_tests(), 0
    # Without the nightly tier, one of whose tests runs this very function.
    baseline = run("tests/host", "", "not nightly")
    sys.stdout.write(f"tests/host with every row: {'passed' if baseline == 0 else 'FAILED'}\n")
    for row in EDITS:
        start = time.perf_counter()
        status = run(tests[row.name], row.name) if row.name in tests else 0
        # Without some rows fairseq cannot even be imported, and pytest says 2 or 4: the row is missed as well.
        verdict = "its test fails" if status in (1, 2, 4) else "NO TEST FAILS"
        faults += status not in (1, 2, 4)
        sys.stdout.write(f"{row.name:32} {verdict:16} {time.perf_counter() - start:5.1f} s\n")
        sys.stdout.flush()
    sys.stdout.write(
        f"{len(EDITS) - faults} of {len(EDITS)} rows are missed by their test when they are switched off\n"
    )
    return int(bool(faults or baseline))


if __name__ == "__main__":
    sys.exit(main())
