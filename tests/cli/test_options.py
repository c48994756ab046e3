from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from fairseq_xling.cli.main import Parser
from fairseq_xling.cli.options import add_config, config_from, config_values
from fairseq_xling.configs import at_least, option
from fairseq_xling.errors import ConfigError


@dataclass(frozen=True)
class Example:
    name: str = field(metadata={"help": "needed"})
    k: int = option(4, "neighbours, 100% of them")
    threshold: float | None = option(None, "least margin")
    floor: float | None = option(None, "least count (default: all)")
    margin: Literal["ratio", "distance"] = option("ratio", "how")
    folds: Literal[2, 4] = option(2, "how often")
    compat: Literal["laser"] | None = option(None, "as whom")
    unify: bool = option(False, "merge")
    check: bool = option(True, "look first")
    size: int = option(8, "rows", flag="--shard-size", metavar="ROWS")
    layers: list[int] = field(default_factory=lambda: [1, 2], metadata={"help": "which"})
    hidden: int = 3

    def faults(self) -> Iterator[str]:
        yield from at_least("k", self.k, 1)
        yield from at_least("size", self.size, 1, "--shard-size")


def parsed(*words: str) -> Example:
    parser = Parser(prog="fairseq-xling example")
    add_config(parser, Example)
    return config_from(parser.parse_args(["--name", "a", *words]), Example)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ([], {}),
        (["--k", "8"], {"k": 8}),
        (["--threshold", "1"], {"threshold": 1.0}),
        (["--margin", "distance"], {"margin": "distance"}),
        (["--folds", "4"], {"folds": 4}),
        (["--compat", "laser"], {"compat": "laser"}),
        (["--unify"], {"unify": True}),
        (["--no-check"], {"check": False}),
        (["--shard-size", "2"], {"size": 2}),
        (["--layers", "3", "4", "12"], {"layers": [3, 4, 12]}),
    ],
)
def test_options_become_the_config(words: list[str], values: dict[str, Any]) -> None:
    assert parsed(*words) == Example("a", **values)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--k", "x"], "argument --k: invalid int value: 'x'"),
        (["--margin", "ratoi"], "argument --margin: invalid choice: 'ratoi'"),
        (["--folds", "3"], "argument --folds: invalid choice: 3"),
        (["--hidden", "3"], "unrecognized arguments: --hidden 3"),
        (["--size", "3"], "unrecognized arguments: --size 3"),
    ],
)
def test_the_parser_refuses(words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*words)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_field_without_default_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    parser = Parser(prog="fairseq-xling example")
    add_config(parser, Example)
    with pytest.raises(SystemExit):
        parser.parse_args([])
    assert "the following arguments are required: --name" in capsys.readouterr().err


def test_the_configs_rules_are_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parsed("--k", "0", "--shard-size", "0")
    assert str(caught.value) == (
        "options: 2 faults: `k` must be at least 1, but is 0. Set --k to 1 or more; "
        "`size` must be at least 1, but is 0. Set --shard-size to 1 or more"
    )


def test_help_shows_meaning_and_default() -> None:
    parser = Parser(prog="fairseq-xling example")
    add_config(parser, Example)
    page = " ".join(parser.format_help().split())
    for shown in (
        "--k N neighbours, 100% of them (default: 4)",
        "--threshold X least margin (default: none)",
        "--floor X least count (default: all)",
        "--margin {ratio,distance} how (default: ratio)",
        "--compat {laser} as whom (default: none)",
        "--unify merge",
        "--check, --no-check look first (default: True)",
        "--shard-size ROWS rows (default: 8)",
        "--name TEXT needed",
    ):
        assert shown in page


def test_values_of_other_options_are_left_alone() -> None:
    values = config_values(argparse.Namespace(k=3, output="x", run=print), Example)
    assert values == {"k": 3}
