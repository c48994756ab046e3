"""HTML by nested calls; whatever is not markup already is escaped, so no text of a corpus can become markup."""

from __future__ import annotations

import html
import re

VOID = frozenset({"br", "hr", "img", "link", "meta", "col", "wbr"})
# What an HTML file may not hold even escaped: C0 and C1 controls, lone surrogates, non-characters.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class Html(str):
    """Markup that is complete and escaped."""

    __slots__ = ()


def escaped(text: object) -> Html:
    """Any text as text; markup as it is."""
    if isinstance(text, Html):
        return text
    return Html(html.escape(_FORBIDDEN.sub("\ufffd", str(text))))


def element(tag: str, /, *children: object, **attributes: object) -> Html:
    """`element("p", "a < b", class_="note")`: None and False leave an attribute or a child out; `_` becomes `-`."""
    said = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escaped(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in VOID:
        if children:
            raise ValueError(f"<{tag}> holds nothing, but is given {children!r}")
        return Html(f"<{tag}{said}>")
    return Html(f"<{tag}{said}>{together(*children)}</{tag}>")


def together(*parts: object) -> Html:
    """Several parts, one after the other."""
    return Html("".join(escaped(part) for part in parts if part is not None and part is not False))


def corpus_text(text: str, most: int = 280) -> Html:
    """A sentence of the user's: its own direction, cut where it is very long."""
    shown = text if len(text) <= most else text[:most].rstrip() + " …"
    return element("bdi", shown or "(an empty line)", dir="auto", class_=None if text else "quiet")


def folded(summary: object, *children: object, open_: bool = False) -> Html:
    """A part that opens at a click, without any script."""
    return element("details", element("summary", summary), *children, open=open_)


def number(value: float, places: int = 1) -> str:
    """Fixed places, a true minus, no minus before a zero."""
    text = f"{value:.{places}f}"
    return text.replace("-", "\u2212") if float(text) else text.lstrip("-")


def count(value: float) -> str:
    """1234567 is 1 234 567, with spaces that do not break."""
    return f"{value:,.0f}".replace(",", "\u202f")


def span_of(seconds: float) -> str:
    """0.4 s, 12 s, 3 min 05 s, 2 h 07 min, 3 d 04 h."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, size, below, step in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // step:02d} {below}"
    return f"{whole} s"
