"""Runs fairseq's own tests (tag v0.12.2) against the installed fairseq under the host layer, and counts.

    python benchmarks/upstream_suite.py CHECKOUT

CHECKOUT is a checkout of fairseq at v0.12.2; only its tests, examples and scripts are used, from a temporary copy, so
that the fairseq which runs is the installed one. Exits with 1 below the floors, and prints a row for results.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import fairseq_xling_host

WORDS = ("passed", "failed", "skipped")
# What needs a GPU, several of them, audio, or xFormers, none of which text needs.
LEFT_OUT = ("tests/gpu", "tests/distributed", "tests/speech", "tests/speech_recognition")


@dataclass(frozen=True)
class Part:
    """A share of the suite: what pytest is given, and how many tests must pass."""

    name: str
    words: tuple[str, ...]
    floor: int


PARTS = (
    Part("rest", ("tests", "-k", "not xformers", "--ignore", "tests/test_binaries.py"), floor=170),
    Part("test_binaries", ("tests/test_binaries.py",), floor=52),
)


def run(part: Part, folder: Path) -> tuple[Counter[str], list[str]]:
    """Counts by outcome, and the names of the tests that failed."""
    report = folder / f"{part.name}.xml"
    ignored = [word for left_out in LEFT_OUT for word in ("--ignore", left_out)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", "."]
    words = [*command, f"--junitxml={report}", *part.words, *ignored]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder)}
    log = folder / f"{part.name}.log"
    with log.open("w", encoding="utf-8") as output:
        subprocess.run(words, cwd=folder, env=environment, stdout=output, stderr=output, check=False)
    if not report.exists():
        sys.exit(f"upstream_suite: pytest did not run:\n{log.read_text(encoding='utf-8')[-2000:]}")
    return outcomes(report)


def outcomes(report: Path) -> tuple[Counter[str], list[str]]:
    """The same, read from pytest's report."""
    counts: Counter[str] = Counter()
    failed = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        children = {child.tag for child in case}
        outcome = "failed" if children & {"failure", "error"} else "skipped" if "skipped" in children else "passed"
        counts[outcome] += 1
        if outcome == "failed":
            failed.append(f"{case.get('classname')}.{case.get('name')}")
    return counts, failed


def copied(checkout: Path, folder: Path) -> None:
    """The parts of a checkout that the tests need, without the fairseq in it."""
    version = checkout / "fairseq" / "version.txt"
    if not version.is_file() or version.read_text(encoding="utf-8").strip() != "0.12.2":
        sys.exit(f"upstream_suite: {checkout} is no checkout of fairseq v0.12.2 (its fairseq/version.txt must say so)")
    for name in ("tests", "examples", "scripts"):
        shutil.copytree(checkout / name, folder / name, symlinks=True)


def main() -> int:
    """0 when no share of the suite is below its floor."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkout", type=Path, help="a checkout of fairseq at tag v0.12.2")
    parser.add_argument("--only", choices=[part.name for part in PARTS], help="one share of the suite")
    args = parser.parse_args()
    wrong = [status.edit.name for status in fairseq_xling_host.status() if not status.ok]
    if wrong:
        sys.exit(f"upstream_suite: these edits do not fit the installed fairseq: {', '.join(wrong)}")
    below = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied(args.checkout, folder)
        versions = ", ".join(f"{package} {metadata.version(package)}" for package in ("torch", "numpy", "fairseq"))
        print(f"Python {platform.python_version()}, {versions}")
        print("| tests | passed | failed | skipped | floor | seconds |\n|---|---|---|---|---|---|")
        missed: list[str] = []
        for part in PARTS:
            if args.only in (None, part.name):
                start = time.perf_counter()
                counts, failed = run(part, folder)
                numbers = " | ".join(str(counts[word]) for word in WORDS)
                seconds = time.perf_counter() - start
                print(f"| {part.name} | {numbers} | {part.floor} | {seconds:.0f} |", flush=True)
                missed += failed
                below |= counts["passed"] < part.floor
        for test in missed:
            print(f"failed: {test}")
    return int(below)


if __name__ == "__main__":
    sys.exit(main())
