"""Say what is wrong with this installation, and what to do about it.

Each line is ok, note (works, could be better) or fault (something will not work). Exits with 2 when there is a fault.
With --spm and --dict it also checks a SentencePiece model against a fairseq dictionary.
"""

from __future__ import annotations

import argparse
import importlib.metadata as metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from fairseq_xling import USER_DIR, __version__
from fairseq_xling.cli.output import emit, emit_json
from fairseq_xling.errors import XlingError


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    state: Literal["ok", "note", "fault"]
    name: str
    text: str
    mend: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--spm", metavar="MODEL", help="a SentencePiece model to check against --dict")
    parser.add_argument("--dict", metavar="DICT", help="a fairseq dictionary (dict.txt)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def run(args: argparse.Namespace) -> int:
    findings = list(examine(args.spm, args.dict))
    faults = [finding for finding in findings if finding.state == "fault"]
    if args.json:
        emit_json({"version": __version__, "user_dir": USER_DIR, "findings": [asdict(f) for f in findings]})
    else:
        for finding in findings:
            mend = f"\n{'':7}{finding.mend}" if finding.mend else ""
            emit(f"{finding.state:<6} {finding.name}: {finding.text}{mend}")
        emit(f"{len(faults)} fault(s)" if faults else "nothing is wrong")
    return 2 if faults else 0


def examine(spm: str | None = None, dictionary: str | None = None) -> Iterator[Finding]:
    """All findings, cheap ones first."""
    yield from _python()
    yield from _packages()
    yield from _fairseq()
    yield from _commands()
    yield from _slurm()
    if spm or dictionary:
        yield _pieces(spm, dictionary)


def _python() -> Iterator[Finding]:
    yield Finding("ok", "python", ".".join(map(str, sys.version_info[:3])))
    threads = os.environ.get("OMP_NUM_THREADS")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("ok", "cores", f"{cores}, OMP_NUM_THREADS {threads or 'not set'}")


def _packages() -> Iterator[Finding]:
    """What setup.py asks for, as the installation recorded it."""
    try:
        needs = metadata.requires("fairseq-xling") or []
    except metadata.PackageNotFoundError:
        mend = "In the checkout: pip install -e ."
        yield Finding("fault", "fairseq-xling", "runs from a checkout that is not installed", mend)
        return
    for need in needs:
        if ";" not in need:  # what an extra asks for is not needed
            yield requirement(need)


def requirement(need: str) -> Finding:
    """Whether the installed version satisfies a requirement such as `omegaconf<2.4,>=2.3`."""
    matched = re.fullmatch(r"([\w.-]+)\s*(.*)", need)
    assert matched is not None, need
    name, bounds = matched.groups()
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding("fault", name, "not installed", f'pip install "{need}"')
    if all(_within(found, bound) for bound in bounds.split(",") if bound):
        return Finding("ok", name, found)
    return Finding("fault", name, f"{found} is not {bounds}", f'pip install "{need}"')


def _within(found: str, bound: str) -> bool:
    if bound.startswith(">="):
        return _numbers(found) >= _numbers(bound[2:])
    if bound.startswith("<"):
        return _numbers(found) < _numbers(bound[1:])
    raise ValueError(f"setup.py writes requirements with >= and <, but here is {bound!r}")


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, without zeros at the end: 2.6.0+cpu is 2.6."""
    digits = re.match(r"[\d.]*", version)
    numbers = [int(part) for part in (digits[0] if digits else "").split(".") if part]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _fairseq() -> Iterator[Finding]:
    try:
        version = metadata.version("fairseq")
    except metadata.PackageNotFoundError:
        mend = "pip install --no-deps fairseq==0.12.2   (--no-deps: its own requirements cannot be met any more)"
        yield Finding("fault", "fairseq", "not installed", mend)
        return
    if version.split("+")[0] == "0.12.2":
        yield Finding("ok", "fairseq", version)
    else:
        yield Finding("note", "fairseq", f"{version}; this package is tested with 0.12.2")
    yield from _host()
    # Another process: importing it takes seconds and changes this one. The compiled modules are what an upgrade breaks.
    program = "import fairseq.data.data_utils_fast, fairseq.data.token_block_utils_fast"
    tried = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        yield Finding("ok", "import fairseq", "with its compiled modules")
    else:
        mend = "pip install --no-deps --force-reinstall --no-cache-dir fairseq==0.12.2"
        yield Finding("fault", "import fairseq", tried.stderr.strip().splitlines()[-1], mend)


def _host() -> Iterator[Finding]:
    mend = "pip install --force-reinstall --no-deps fairseq-xling   (in a checkout: pip install --no-deps -e .)"
    active = "fairseq_xling_host" in sys.modules  # before we import it: the .pth file does so at start
    try:
        import fairseq_xling_host
    except ImportError:
        yield Finding("fault", "host layer", "fairseq_xling_host is not importable", mend)
        return
    if not active:
        yield Finding("fault", "host layer", "its .pth file was not read when Python started", mend)
    statuses = fairseq_xling_host.status()
    wrong = [status for status in statuses if not status.ok]
    for status in wrong:
        text = f"{status.edit.why}; but {status.state}"
        yield Finding("fault", f"host edit {status.edit.name}", text, "Install fairseq 0.12.2, which the edits fit.")
    if active and not wrong:
        yield Finding("ok", "host layer", f"its {len(statuses)} edits fit this fairseq")


def _commands() -> Iterator[Finding]:
    for command in ("fairseq-train", "fairseq-generate"):
        path = shutil.which(command)
        beside = os.path.join(os.path.dirname(sys.executable), command)
        if path and os.path.realpath(path) == os.path.realpath(beside):
            yield Finding("ok", command, path)
        elif os.path.exists(beside):
            mend = f"Activate the environment, or call {beside}."
            yield Finding("note", command, f"on PATH is {path or 'none'}, not this environment's", mend)
        else:
            mend = "pip install --no-deps --force-reinstall fairseq==0.12.2"
            yield Finding("fault", command, "not in this environment", mend)


def _slurm() -> Iterator[Finding]:
    found = [command for command in ("sbatch", "squeue", "scontrol", "sacct") if shutil.which(command)]
    if not found:
        yield Finding("note", "slurm", "not here; runs use this machine (iterate --executor local)")
    elif "sbatch" in found:
        accounting = "" if "sacct" in found else "; no sacct: states come from squeue and manifests"
        yield Finding("ok", "slurm", f"{', '.join(found)}{accounting}")
    else:
        mend = "Install the rest of the SLURM client commands."
        yield Finding("note", "slurm", f"only {', '.join(found)}: sbatch is missing", mend)


def _pieces(spm: str | None, dictionary: str | None) -> Finding:
    name = "sentencepiece against dictionary"
    if not spm or not dictionary:
        return Finding("fault", name, "one of the two is not given", "Give both --spm and --dict.")
    from fairseq_xling.text.pieces import Pieces

    try:
        missing = Pieces(spm).check_dictionary(dictionary)
    except XlingError as error:
        return Finding("fault", name, str(error))
    if not missing:
        return Finding("ok", name, "every piece of the model is in the dictionary")
    shown = ", ".join(missing[:5])
    text = f"{len(missing)} pieces of {spm} are not in {dictionary} ({shown}…) and would become <unk>"
    return Finding("fault", name, text, "Use the dictionary that was made with this model, or make one with prepare.")
