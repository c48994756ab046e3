"""Verbs, options and configs: each is documented, each is read, and the table of verbs is what there is."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from house.sources import module_name, package_files, tree

from fairseq_xling.cli.main import VERBS, verb_parser

# The public face promises these verbs; those that are still to come leave the second list when they do.
PROMISED = [
    "prepare", "encode", "mine", "score", "tiles", "assemble", "translate", "evaluate", "iterate", "report", "convert",
    "demo", "doctor", "user-dir",
]  # fmt: skip
TO_COME: list[str] = []
BEYOND = ["completion"]


# A config that is handed over whole, and the module of fairseq that takes its fields by name.
HANDED_OVER = {"TranslationConfig": "tasks/fairseq_task.py"}


def parsers(verb: str) -> Iterator[argparse.ArgumentParser]:
    """The verb's parser and those of its sub-verbs."""
    ahead: list[argparse.ArgumentParser] = [verb_parser(verb)]
    while ahead:
        parser = ahead.pop()
        yield parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                ahead.extend(action.choices.values())


def actions(verb: str) -> Iterator[argparse.Action]:
    for parser in parsers(verb):
        yield from parser._actions


def config_classes(root: Path) -> list[type[Any]]:
    """Every dataclass of the package with a field that carries `help`, outside the rooms that need fairseq."""
    found = []
    for path in package_files(root):
        if "option(" in path.read_text(encoding="utf-8") and path.name != "configs.py":
            module = importlib.import_module(module_name(path, root))
            classes = [value for value in vars(module).values() if isinstance(value, type)]
            own = [c for c in classes if c.__module__ == module.__name__ and dataclasses.is_dataclass(c)]
            found += [c for c in own if any("help" in field.metadata for field in dataclasses.fields(c))]
    return found


def attributes_read(root: Path) -> set[str]:
    """Names read as attributes anywhere but in a config's own rules and signature."""
    found = set[str]()
    for path in package_files(root):
        skipped = set[ast.AST]()
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef) and node.name in ("faults", "signature"):
                skipped |= set(ast.walk(node))
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node not in skipped:
                found.add(node.attr)
    return found


def test_promised_verbs() -> None:
    assert sorted([*VERBS, *TO_COME]) == sorted([*PROMISED, *BEYOND])


def test_every_verb_is_a_module_and_every_module_with_run_is_a_verb(root: Path) -> None:
    with_run = {
        path.stem
        for path in (root / "fairseq_xling" / "cli").glob("*.py")
        if any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in tree(path).body)
    }
    assert with_run == {module for module, _ in VERBS.values()}
    assert all(verb.replace("-", "_") == module for verb, (module, _) in VERBS.items())


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_says_what_it_means(verb: str) -> None:
    silent = [action.option_strings or action.dest for action in actions(verb) if not action.help]
    assert silent == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_describes_itself(verb: str) -> None:
    assert all(len((parser.description or "").split()) >= 5 for parser in parsers(verb))


@pytest.mark.parametrize("verb", VERBS)
def test_help_can_be_printed(verb: str) -> None:
    for parser in parsers(verb):
        assert parser.format_help().startswith(f"usage: fairseq-xling {verb}")


def test_every_option_is_read(root: Path) -> None:
    read = attributes_read(root)
    fields = {field.name for cls in config_classes(root) for field in dataclasses.fields(cls)}
    unread = {
        f"{verb} {action.dest}"
        for verb in VERBS
        for action in actions(verb)
        if action.dest not in {"help", argparse.SUPPRESS} | read | fields
    }
    assert unread == set()


def test_every_field_of_a_config_is_read(root: Path) -> None:
    classes = config_classes(root)
    assert {cls.__name__ for cls in classes} >= HANDED_OVER.keys()
    read = attributes_read(root)
    unread = set()
    for cls in classes:
        taken = read | (named_in_fairseq(HANDED_OVER[cls.__name__]) if cls.__name__ in HANDED_OVER else set())
        unread |= {f"{cls.__name__}.{field.name}" for field in dataclasses.fields(cls) if field.name not in taken}
    assert unread == set()


def named_in_fairseq(module: str) -> set[str]:
    """The strings in one of fairseq's modules, which is not imported."""
    spec = importlib.util.find_spec("fairseq")
    assert spec is not None
    assert spec.origin is not None
    text = (Path(spec.origin).parent / module).read_text(encoding="utf-8")
    constants = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    return {value for value in constants if isinstance(value, str)}
