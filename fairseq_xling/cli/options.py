"""Command-line options from a config's fields, so that a default and its meaning are written once."""

from __future__ import annotations

import argparse
import dataclasses
import typing
from collections.abc import Sequence
from typing import Any, TypeVar

from fairseq_xling.configs import choices, read_config, required

Config = TypeVar("Config")


def add_config(parser: argparse._ActionsContainer, cls: type[Any], only: Sequence[str] | None = None) -> None:
    """One option for each field of `cls` (or of `only`) that has a `help`; a name may be changed by its `flag`."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if "help" in field.metadata and (only is None or field.name in only):
            _add(parser, field, hints[field.name])


def config_values(args: argparse.Namespace, cls: type[Any]) -> dict[str, Any]:
    """The values given for the fields of `cls`, by field name."""
    given = vars(args)
    return {field.name: given[field.name] for field in dataclasses.fields(cls) if field.name in given}


def config_from(args: argparse.Namespace, cls: type[Config]) -> Config:
    """Build and check the config; all faults in one ConfigError."""
    return read_config(cls, config_values(args, cls), "options")


def _add(parser: argparse._ActionsContainer, field: dataclasses.Field[Any], hint: Any) -> None:
    flag = field.metadata.get("flag", "--" + field.name.replace("_", "-"))
    kind = required(hint)
    default = field.default_factory() if callable(field.default_factory) else field.default
    common: dict[str, Any] = {"dest": field.name, "help": field.metadata["help"].replace("%", "%%")}
    if default is dataclasses.MISSING:
        common["required"] = True
    else:
        common["default"] = default
    if default is None and "default" not in common["help"]:
        common["help"] += " (default: none)"
    if kind is bool:
        # A switch that is on by default needs the word that turns it off.
        parser.add_argument(flag, action=argparse.BooleanOptionalAction if default else "store_true", **common)
        return
    if typing.get_origin(kind) in (list, tuple):
        common["nargs"], kind = "+", typing.get_args(kind)[0]
    if values := choices(kind):
        parser.add_argument(flag, choices=values, type=type(values[0]), **common)
        return
    metavar = field.metadata.get("metavar", {int: "N", float: "X", str: "TEXT"}.get(kind, kind.__name__.upper()))
    parser.add_argument(flag, type=kind, metavar=metavar, **common)
