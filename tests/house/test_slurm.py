"""slurm/: the example names every option of a run with its meaning, and the driver's script stays small."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fairseq_xling.cli.iterate import sections
from fairseq_xling.rounds.config import KINDS, RoundsConfig, read_rounds
from fairseq_xling.rounds.options import (
    AlignConfig,
    EvaluationConfig,
    LanguageConfig,
    PretrainConfig,
    StackingConfig,
    StartConfig,
    TrainingConfig,
)
from fairseq_xling.rounds.stages import Resources

# What a run calls by another name than the verb.
RENAMED = {"mining_k": "k"}
# Not options, but what reading them leads to.
DERIVED = {"evaluated", "translated", "values", "bitext"}


def options() -> Iterator[tuple[str, str]]:
    """(section, option) of everything that a configuration may hold."""
    yield from (("", field.name) for field in dataclasses.fields(RoundsConfig) if field.name not in DERIVED)
    typed: list[tuple[str, type[Any]]] = [
        ("languages", LanguageConfig), ("start", StartConfig), ("start", PretrainConfig),
        ("training", TrainingConfig), ("stacking", StackingConfig), ("stacking", AlignConfig),
        ("evaluation", EvaluationConfig), ("resources", Resources), *sections().items(),
    ]  # fmt: skip
    for section, cls in typed:
        yield from ((section, RENAMED.get(field.name, field.name)) for field in dataclasses.fields(cls))
    yield from (("mining", name) for name in ("per_pair", "tiles"))
    yield from (("resources", kind) for kind in KINDS)


def unexplained(text: str) -> set[tuple[str, str]]:
    """Options that no line of the example sets, switched off or on, with words beside it."""
    found, section = set(), ""
    for line in text.splitlines():
        named = re.match(r"(?P<indent> *)(?:# )?(?P<name>[a-z_]+):(?P<rest>.*)", line)
        if not named:
            continue
        if not named["indent"]:
            section = named["name"]
            found.add(("", section))
        elif " # " in named["rest"] or section == "resources":
            found.add((section, named["name"]))
    return set(options()) - found


def example(root: Path) -> Path:
    return root / "slurm" / "rounds.example.yaml"


def test_the_example_explains_every_option(root: Path) -> None:
    assert unexplained(example(root).read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize("option", [("mining", "threshold"), ("start", "spm"), ("resources", "mem"), ("", "pairs")])
def test_an_option_that_is_missing_is_found(root: Path, option: tuple[str, str]) -> None:
    text = example(root).read_text(encoding="utf-8")
    section = rf"^{option[0]}:(?:\n|.)*?" if option[0] else ""
    without = re.sub(rf"({section}^ *(?:# )?){option[1]}:", r"\1gone:", text, count=1, flags=re.MULTILINE)
    assert without != text
    assert unexplained(without) == {option}


def test_the_example_can_be_read(root: Path) -> None:
    values = yaml.safe_load(example(root).read_text(encoding="utf-8"))
    config = read_rounds(values, root, sections(), "ignored")
    assert config.resources["train"].nodes == 2
    assert {kind: asked for kind, asked in config.resources.items() if asked == Resources()} == {"prepare": Resources()}


def test_the_driver_is_a_small_script(root: Path) -> None:
    lines = (root / "slurm" / "iterate.sh").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 30
    asked = [line.split("=")[0] for line in lines if line.startswith("#SBATCH")]
    assert asked == list(dict.fromkeys(asked))
    assert {"#SBATCH --signal", "#SBATCH --requeue", "#SBATCH --time"} <= set(asked)
