"""`encode` as a process: threads change nothing, a kill leaves whole shards, and errors are one line."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import cli_environment
from references.written_model import WrittenModel

from fairseq_xling.vectors import open_vectors

pytestmark = pytest.mark.plugin


def test_threads_change_nothing(written_model: WrittenModel, run_cli: Callable[..., object], tmp_path: Path) -> None:
    words = ["--checkpoint", written_model.checkpoint, "--lang", "bb", "--input", written_model.texts / "mono.bb"]
    for threads in ("1", "3"):
        done = run_cli("encode", *words, "--output", threads, env={"OMP_NUM_THREADS": threads})
        assert done.returncode == 0, done.stderr
    found = [open_vectors(tmp_path / threads).read() for threads in ("1", "3")]
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-5)


def test_killed_and_resumed(written_model: WrittenModel, run_cli: Callable[..., object], tmp_path: Path) -> None:
    lines = (written_model.texts / "mono.aa").read_text()
    (tmp_path / "long.txt").write_text(lines * 200)
    words = ["encode", "--checkpoint", str(written_model.checkpoint), "--input", "long.txt", "--shard-size", "300"]
    command = [sys.executable, "-m", "fairseq_xling", *words, "--output", "v"]
    process = subprocess.Popen(command, cwd=tmp_path, env=cli_environment(), stderr=subprocess.DEVNULL)
    while not (tmp_path / "v" / "shard-00002.npy").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "v").glob("shard-*.npy")}
    assert 3 <= len(before) < 40
    assert not (tmp_path / "v" / "manifest.json").exists()
    for output, more in (("v", ["--resume"]), ("w", [])):
        done = run_cli(*words, "--output", output, *more)
        assert done.returncode == 0, done.stderr
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    np.testing.assert_array_equal(open_vectors(tmp_path / "v").read(), open_vectors(tmp_path / "w").read())


def test_a_fault_is_one_line(written_model: WrittenModel, run_cli: Callable[..., object]) -> None:
    words = ["--checkpoint", written_model.checkpoint, "--input", written_model.texts / "mono.aa", "--output", "v"]
    done = run_cli("encode", *words, "--lang", "xx")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("fairseq-xling: error: --lang xx is not one of")
