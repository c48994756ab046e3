"""The signature that travels with every number: how it was made, short enough to be quoted beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairseq_xling import __version__


def signature(**fields: Any) -> str:
    """`signature(margin="ratio", k=4)` is "margin:ratio|k:4|xling:0.1.0"; fields keep their order, None is "none"."""
    parts = [f"{name.replace('_', '-')}:{_text(value)}" for name, value in fields.items()]
    return "|".join([*parts, f"xling:{__version__}"])


def parse_signature(text: str) -> dict[str, str]:
    """The fields of a signature in their order, values as text."""
    fields = dict(part.split(":", 1) for part in text.split("|"))
    return {name: _unescaped(value) for name, value in fields.items()}


def joined(*signatures: str) -> str:
    """Several signatures of one number as one: fields in their order, the version once, at the end."""
    fields = [part for text in signatures for part in text.split("|") if not part.startswith("xling:")]
    return "|".join([*fields, f"xling:{__version__}"])


def shared(signatures: Sequence[str]) -> str:
    """One signature for a mean of several numbers: what they agree on, `various` where they differ."""
    fields = [parse_signature(text) for text in signatures]
    names = [name for name in dict.fromkeys(name for some in fields for name in some) if name != "xling"]
    values = {name: {some.get(name) for some in fields} for name in names}
    return signature(**{name: "various" if len(found) > 1 else found.pop() for name, found in values.items()})


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, list | tuple):
        return "+".join(_text(item) for item in value)
    return str(value).replace("%", "%25").replace("|", "%7C").replace("\n", "%0A")


def _unescaped(value: str) -> str:
    return value.replace("%0A", "\n").replace("%7C", "|").replace("%25", "%")
