from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import fairseq_xling


def test_it_prints_the_plug_ins_path_from_anywhere(run_cli: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run_cli("user-dir")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{fairseq_xling.USER_DIR}\n"
    assert (Path(done.stdout.strip()) / "tasks" / "__init__.py").is_file()
