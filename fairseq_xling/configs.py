"""Frozen stage configs: one declaration gives defaults, checks, the YAML reader and the command line's options."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args, get_origin

from fairseq_xling.errors import ConfigError

Config = TypeVar("Config")
_MISSING = dataclasses.MISSING
_hints = functools.cache(typing.get_type_hints)  # the annotations are text, which is compiled every time
_NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


def option(default: Any, help: str, **metadata: Any) -> Any:  # noqa: A002 - argparse's word
    """A field with its meaning; `metadata` may hold `flag` (another name on the command line) and `metavar`."""
    return dataclasses.field(default=default, metadata={"help": help, **metadata})


def read_config(cls: type[Config], values: Mapping[str, Any], where: str) -> Config:
    """Build `cls` from a mapping; every unknown key, wrong type and broken rule is reported at once.

    A config class may have a method `faults()` that yields what is wrong with its values.
    """
    faults, arguments = list[str](), dict[str, Any]()
    if not isinstance(values, Mapping):
        raise ConfigError(f"must be a mapping of options, but is {values!r}", where)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = _hints(cls)  # type: ignore[arg-type]
    for key, value in values.items():
        if key not in fields:
            faults.append(unknown("option", str(key), list(fields)))
            continue
        try:
            arguments[key] = _converted(value, hints[key], f"`{key}`")
        except ConfigError as error:
            faults.extend(error.faults)
    needed = [name for name, field in fields.items() if field.default is field.default_factory is _MISSING]
    for name in needed:
        if name not in values:
            faults.append(f"`{name}` is missing ({fields[name].metadata.get('help', 'it has no default')})")
    if faults:
        if arguments.keys() >= set(needed):  # what can be read is judged, too, with defaults for the rest
            rules = config_faults(cls(**arguments))
            faults += [fault for fault in rules if any(f"`{name}`" in fault for name in arguments)]
        raise ConfigError(faults, where)
    return checked(cls(**arguments), where)


def checked(config: Config, where: str | None = None) -> Config:
    """The config itself, or ConfigError with all that its `faults()` yields."""
    faults = list(config_faults(config))
    if faults:
        raise ConfigError(faults, where)
    return config


def config_faults(config: object) -> Iterator[str]:
    """What the config's own rules, and those of the configs inside it, say."""
    if hasattr(config, "faults"):
        yield from config.faults()
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from (f"{field.name}: {fault}" for fault in config_faults(value))


def at_least(name: str, value: float | None, least: float, flag: str | None = None) -> Iterator[str]:
    """The commonest rule; None passes. `flag` is the command line's name where it is not `--name`."""
    if value is not None and not value >= least:
        flag = flag or "--" + name.replace("_", "-")
        # Twelve digits: a count in the millions is not to be rounded.
        yield f"`{name}` must be at least {least:.12g}, but is {value:.12g}. Set {flag} to {least:.12g} or more"


def unknown(kind: str, name: str, known: list[str]) -> str:
    """One fault for a name that is not known, with the nearest known one."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
    return f"unknown {kind} `{name}` ({hint})"


def required(hint: Any) -> Any:
    """The type beside None in an optional hint, or the hint itself."""
    if get_origin(hint) not in (types.UnionType, typing.Union):
        return hint
    parts = [part for part in get_args(hint) if part is not type(None)]
    return parts[0] if len(parts) == 1 else hint


def choices(hint: Any) -> tuple[Any, ...] | None:
    """The values of a Literal, also of an optional one."""
    hint = required(hint)
    return get_args(hint) if get_origin(hint) is typing.Literal else None


def _converted(value: Any, hint: Any, name: str) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        return _from_union(value, parts, name)
    if origin is typing.Literal:
        if any(value == part and type(value) is type(part) for part in parts):
            return value
        raise ConfigError(f"{name} must be one of {', '.join(map(str, parts))}, but is {value!r}")
    if dataclasses.is_dataclass(hint):
        return _nested(value, hint, name)
    if origin in (list, tuple):
        return _from_sequence(value, hint, name)
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} must be a mapping, but is {value!r}")
        return {str(key): _converted(item, parts[1], f"{name}[{key}]") for key, item in value.items()}
    return _scalar(value, hint, name)


def _nested(value: Any, cls: Any, name: str) -> Any:
    try:
        return read_config(cls, value, name)
    except ConfigError as error:
        raise ConfigError([f"{name}: {fault}" for fault in error.faults]) from None


def _from_union(value: Any, parts: tuple[Any, ...], name: str) -> Any:
    if value is None and type(None) in parts:
        return None
    faults = []
    for part in parts:
        if part is not type(None):
            try:
                return _converted(value, part, name)
            except ConfigError as error:
                faults.extend(error.faults)
    raise ConfigError(faults[0] if len(faults) == 1 else f"{name} cannot be {value!r} ({' / '.join(faults)})")


def _from_sequence(value: Any, hint: Any, name: str) -> Any:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise ConfigError(f"{name} must be a list, but is {value!r}")
    item = get_args(hint)[0]
    items = [_converted(part, item, f"{name}[{i}]") for i, part in enumerate(value)]
    return tuple(items) if get_origin(hint) is tuple else items


def _scalar(value: Any, hint: Any, name: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and not (isinstance(value, bool) and hint is not bool):
        return value
    raise ConfigError(f"{name} must be {_NAMES.get(hint, hint.__name__)}, but is {value!r}")
