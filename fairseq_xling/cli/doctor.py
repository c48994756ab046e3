"""Say what is wrong with this installation, and what to do about it.

Each line is ok, note (works, could be better) or fault (something will not work). Exits with 2 when there is a fault.
With --spm and --dict it also checks a SentencePiece model against a fairseq dictionary.
"""

from __future__ import annotations

import argparse
import importlib.metadata as metadata
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from fairseq_xling import USER_DIR, __version__
from fairseq_xling.cli.output import emit, emit_json

# Distribution: (lowest version, first version that is too new, what needs it). setup.py lists the same.
NEEDS = {
    "torch": ("2.6", None, "all models"),
    "numpy": ("1.26", None, "everything"),
    "hydra-core": ("1.3", "1.4", "fairseq's configuration; 1.4 drops the behaviour it relies on"),
    "omegaconf": ("2.3", "2.4", "fairseq's configuration"),
    "sacrebleu": ("2", None, "scoring translations"),
    "sentencepiece": ("0.2", None, "text to pieces"),
    "faiss-cpu": ("1.8", None, "approximate neighbours and the mining benchmark"),
    "numba": ("0.60", None, "the compiled part of mining"),
    "scipy": ("1.11", None, "the surface encoder"),
    "sacremoses": ("0.1", None, "text normalisation"),
    "submitit": ("1.5", None, "SLURM jobs"),
    "PyYAML": ("6", None, "configuration files"),
}


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
    yield from _host()
    yield from _commands()
    yield from _slurm()
    if spm or dictionary:
        yield _pieces(spm, dictionary)


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):
        yield Finding("fault", "python", version, "Python 3.11 or newer is needed: make a new environment with it.")
    else:
        yield Finding("ok", "python", version)
    threads = os.environ.get("OMP_NUM_THREADS")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("ok", "cores", f"{cores}, OMP_NUM_THREADS {threads or 'not set'}")


def _packages() -> Iterator[Finding]:
    for name, (low, high, use) in NEEDS.items():
        wanted = f"{name}>={low}" + (f",<{high}" if high else "")
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding("fault", name, f"not installed; needed for {use}", f'pip install "{wanted}"')
            continue
        if _numbers(found) < _numbers(low) or (high and _numbers(found) >= _numbers(high)):
            yield Finding("fault", name, f"{found} is not {wanted}; needed for {use}", f'pip install "{wanted}"')
        else:
            yield Finding("ok", name, found)


def _numbers(version: str) -> tuple[int, ...]:
    digits = []
    for part in version.split("+")[0].split("."):
        if not part.isdigit():
            break
        digits.append(int(part))
    return tuple(digits)


def _host() -> Iterator[Finding]:
    try:
        version = metadata.version("fairseq")
    except metadata.PackageNotFoundError:
        mend = "pip install --no-deps fairseq==0.12.2   (--no-deps: its own requirements cannot be met any more)"
        yield Finding("fault", "fairseq", "not installed", mend)
        return
    if version.split("+")[0] != "0.12.2":
        yield Finding("note", "fairseq", f"{version}; this package is tested with 0.12.2")
    else:
        yield Finding("ok", "fairseq", version)
    try:
        import fairseq_xling_host
    except ImportError:
        mend = "pip install --force-reinstall --no-deps fairseq-xling   (or pip install --no-deps -e . in a checkout)"
        yield Finding("fault", "host layer", "fairseq_xling_host is not importable", mend)
        return
    yield from (Finding(state, f"host: {name}", text, mend) for state, name, text, mend in fairseq_xling_host.findings())


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
    from fairseq_xling.text.pieces import missing_pieces

    missing = missing_pieces(spm, dictionary)
    if not missing:
        return Finding("ok", name, "every piece of the model is in the dictionary")
    shown = ", ".join(missing[:5])
    text = f"{len(missing)} pieces of {spm} are not in {dictionary} ({shown}…) and would become <unk>"
    return Finding("fault", name, text, "Use the dictionary that was made with this model, or make one with prepare.")
