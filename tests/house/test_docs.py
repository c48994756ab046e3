"""Documents promise only what is there: links, commands, options, make targets, the version."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from house.sources import tracked_files

from fairseq_xling import __version__
from fairseq_xling.cli.main import VERBS, verb_parser

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
# Words after which a shell starts another command, or redirects this one.
_ENDS = re.compile(r"\s(?:\||&&|\|\||;|>|>>|2>|<|&)(?:\s|$)|\s#\s")
_MACHINE = re.compile(r"(?<![\w.:/-])/(?:home|root|Users|work|mnt|scratch|opt)/\w")


def documents(root: Path) -> list[Path]:
    return tracked_files(root, "*.md")


def commands(text: str, program: str) -> Iterator[str]:
    """Every call of `program` in a shell script or document: a line of its own, or between backticks."""
    text = text.replace("\\\n", " ")
    pieces = [match[1] for match in _CODE.finditer(text)]
    pieces += [line.strip().removeprefix("$ ") for line in text.split("\n") if "`" not in line]
    for piece in pieces:
        for part in re.split(r"\|\||&&|;|\||\$\(|\)", piece):
            words = " ".join(part.split()).removeprefix("time ").removeprefix(".venv/bin/")
            if words.startswith(f"{program} "):
                yield _ENDS.split(words)[0]


def faults_of_command(command: str) -> list[str]:
    """What of a `fairseq-xling …` line the command line does not know."""
    words = shlex.split(command.replace("…", " ").replace("...", " "))[1:]
    if not words or words[0] in ("VERB", "--version", "--help", "-h", "-V"):
        return []
    if words[0] not in VERBS:
        return [f"no verb {words[0]}"]
    parser: argparse.ArgumentParser = verb_parser(words[0])
    for word in words[1:]:
        inner = next((a for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)
        if inner and word in inner.choices:
            parser = inner.choices[word]
    known = {name for action in parser._actions for name in action.option_strings}
    flags = [word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-zA-Z]", word)]
    return [f"{words[0]} has no {flag}" for flag in flags if flag not in known]


def test_links_lead_somewhere(root: Path) -> None:
    dead = []
    for path in documents(root):
        for target in _LINK.findall(path.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:|#", target) and not (path.parent / target.partition("#")[0]).exists():
                dead.append(f"{path.relative_to(root)}: {target}")
    assert dead == []


def test_our_commands_exist(root: Path) -> None:
    wrong, seen = [], 0
    for path in [*documents(root), *tracked_files(root, "examples/*.sh", "slurm/*.sh")]:
        for command in commands(path.read_text(encoding="utf-8"), "fairseq-xling"):
            seen += 1
            wrong += [f"{path.relative_to(root)}: {command!r}: {fault}" for fault in faults_of_command(command)]
    assert seen > 3
    assert wrong == []


def test_make_targets_exist(root: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wrong, seen = [], 0
    for path in [*documents(root), root / ".ci" / "run", *tracked_files(root, ".github/*.yml")]:
        for command in commands(path.read_text(encoding="utf-8"), "make"):
            seen += 1
            words = [word for word in command.split()[1:] if re.fullmatch(r"[a-z][a-z-]*", word)]
            wrong += [f"{path.relative_to(root)}: make {word}" for word in words if word not in targets]
    assert seen > 3
    assert wrong == []


def test_every_target_says_what_it_does(root: Path) -> None:
    lines = (root / "Makefile").read_text(encoding="utf-8").split("\n")
    phony = next(line for line in lines if line.startswith(".PHONY:")).split()[1:]
    for target in phony:
        assert any(re.match(rf"{target}:.*## \S", line) for line in lines), target


def test_what_makefile_and_ci_run_is_there(root: Path) -> None:
    text = "".join((root / name).read_text(encoding="utf-8") for name in ("Makefile", ".ci/run"))
    named = set(re.findall(r"\b((?:examples|benchmarks|tests)/[\w/.]+\.(?:py|sh))\b", text))
    assert len(named) >= 3
    assert [name for name in sorted(named) if not (root / name).is_file()] == []


def test_the_changelog_has_this_version(root: Path) -> None:
    assert re.search(
        rf"^## {re.escape(__version__)}\b", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )


def test_constraints_hold_the_fairseq_that_the_documents_name(root: Path) -> None:
    held = (root / "constraints.txt").read_text(encoding="utf-8").split("\n")
    for name in ("torch", "fairseq"):
        version = next(line.partition("==")[2] for line in held if line.startswith(f"{name}=="))
        named = {
            found
            for path in [*documents(root), root / "Makefile", root / "setup.py"]
            for found in re.findall(rf"\b{name}==([\d.]+\d)", path.read_text(encoding="utf-8"))
        }
        assert named <= {version}, name


def test_no_place_of_one_machine(root: Path) -> None:
    found = []
    for path in tracked_files(root):
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [f"{path.relative_to(root)}: {match[0]}" for match in _MACHINE.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Run `fairseq-xling mine --source a.npy` now", ["fairseq-xling mine --source a.npy"]),
        ("    fairseq-xling mine --source a \\\n  --target b | head", ["fairseq-xling mine --source a --target b"]),
        ("$ .venv/bin/fairseq-xling doctor > log", ["fairseq-xling doctor"]),
        ('x --user-dir "$(fairseq-xling user-dir)" --task criss', ["fairseq-xling user-dir"]),
        ("the fairseq-xling package", []),
    ],
)
def test_commands_are_found(text: str, found: list[str]) -> None:
    assert list(commands(text, "fairseq-xling")) == found


@pytest.mark.parametrize(
    ("command", "faults"),
    [
        ("fairseq-xling doctor --json", []),
        ("fairseq-xling doctor --jsn", ["doctor has no --jsn"]),
        ("fairseq-xling doctr", ["no verb doctr"]),
        ("fairseq-xling --version", []),
        ("fairseq-xling user-dir --threshold -1", ["user-dir has no --threshold"]),
    ],
)
def test_faults_of_commands(command: str, faults: list[str]) -> None:
    assert faults_of_command(command) == faults
