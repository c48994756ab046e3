"""Command-line options from a config's fields, so that a default and its meaning are written once."""

from __future__ import annotations

import argparse
import dataclasses
import types
import typing
from typing import Any, TypeVar

from fairseq_xling.configs import choices, read_config

Config = TypeVar("Config")


def add_config(parser: argparse._ActionsContainer, cls: type[Any]) -> None:
    """One option for each field of `cls` that has a `help`; a name may be changed by its `flag`."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if "help" in field.metadata:
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
    text = field.metadata["help"].replace("%", "%%")
    common: dict[str, Any] = {"dest": field.name, "default": field.default, "help": text}
    if _plain(hint) is bool:
        parser.add_argument(flag, action="store_true", **common)
        return
    if field.default is None:
        common["help"] += " (default: none)" if "default" not in text else ""
    if values := choices(hint):
        parser.add_argument(flag, choices=values, type=type(values[0]), **common)
        return
    kind = _plain(hint)
    metavar = field.metadata.get("metavar", {int: "N", float: "X", str: "TEXT"}.get(kind, kind.__name__.upper()))
    parser.add_argument(flag, type=kind, metavar=metavar, **common)


def _plain(hint: Any) -> Any:
    """The one type beside None in an optional hint."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return next(part for part in typing.get_args(hint) if part is not type(None))
    return hint
