"""fairseq's commands as subprocesses, as a person starts them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Fairseq = Callable[..., str]


@pytest.fixture
def fairseq(tmp_path: Path) -> Fairseq:
    """`fairseq("train", DATA, …)` in an empty directory with our plug-in: stdout, or stderr where it is to fail."""

    def run(command: str, *words: object, status: int = 0, stdin: str = "") -> str:
        program = Path(sys.executable).with_name(f"fairseq-{command}")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [str(program), *map(str, words), "--user-dir", "fairseq_xling", "--cpu"],
            cwd=tmp_path,
            env=environment | {"OMP_NUM_THREADS": "1"},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert done.returncode == status, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout if status == 0 else done.stderr

    return run
