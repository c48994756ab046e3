"""A verb that does what a test asks for, run through the real command line in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

Start = Callable[..., "subprocess.Popen[str]"]

DRIVER = """
import sys, types
from fairseq_xling.cli import main as frame

module = types.ModuleType("fairseq_xling.cli.planted", "A verb that a test has planted for itself.")
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), module.__dict__)
sys.modules[module.__name__] = module
frame.VERBS["planted"] = ("planted", "does what the test asks for")
sys.exit(frame.main(["planted", *sys.argv[2:]]))
"""

VERB = """
import argparse, errno, os, sys, time
from pathlib import Path
from fairseq_xling.cli.output import emit, emit_json, note
from fairseq_xling.errors import *
from fairseq_xling.files import atomic_write, finished_directory

def add_arguments(parser):
    parser.add_argument("--output", type=Path, help="a file to write")
    parser.add_argument("--count", type=int, default=3, help="how many")

def run(args):
{body}
    return 0
"""


@pytest.fixture
def start_planted(tmp_path: Path, root: Path) -> Start:
    """Start a verb whose `run` has the given body; the process is left to the test."""

    def start(body: str, *arguments: object) -> subprocess.Popen[str]:
        verb = tmp_path / ".planted.py"
        verb.write_text(VERB.format(body=textwrap.indent(textwrap.dedent(body), "    ")), encoding="utf-8")
        command = [sys.executable, "-c", DRIVER, str(verb), *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", cwd=root)

    return start


@pytest.fixture
def run_planted(start_planted: Start) -> Callable[..., tuple[int, str, str]]:
    """Run such a verb to its end: exit code, stdout, stderr."""

    def run(body: str, *arguments: object) -> tuple[int, str, str]:
        process = start_planted(body, *arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    return run
