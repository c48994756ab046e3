"""Tables: plain ones, and language by language as a heat-map that stays readable from 3 languages to 50."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairseq_xling.report.colours import STEPS, step_of
from fairseq_xling.report.markup import Html, element, together
from fairseq_xling.report.style import HALF

# From how many languages on cells shrink: figures without decimals, then smaller ones, then none but a hover's.
MID, MANY, CROWD = 9, 17, 41


@dataclass(frozen=True)
class HeatMap:
    """Values by (source, target), shown as text, coloured from `low` to `high`; `signed`: around zero to ±`high`."""

    title: str
    languages: Sequence[str]
    values: Mapping[tuple[str, str], float]
    high: float
    low: float = 0.0
    signed: bool = False
    says: Mapping[tuple[str, str], str] | None = None
    """More about a cell, for whoever points at it."""


def heat_map(figure: HeatMap) -> Html:
    """Rows are sources, columns targets."""
    codes = figure.languages
    looks = ("", "mid", "many", "crowd")
    look = looks[sum(len(codes) >= least for least in (MID, MANY, CROWD))]
    head = element("tr", element("td"), *(element("th", code, scope="col") for code in codes))
    rows = [
        element("tr", element("th", source, scope="row"), *(_cell(figure, source, target) for target in codes))
        for source in codes
    ]
    table = element("table", element("thead", head), element("tbody", *rows), class_=f"map {look}".strip())
    return element("figure", element("figcaption", element("b", figure.title)), scrolled(table, figure.title))


def _cell(figure: HeatMap, source: str, target: str) -> Html:
    value = figure.values.get((source, target))
    if source == target and value is None:
        return element("td", class_="self", aria_label="same language")
    if value is None:
        return element("td", "\u2013", class_="none", title=f"{source} to {target}: not scored")
    places = 1 if len(figure.languages) < MID else 0
    sign = "+" if figure.signed and round(value, places) > 0 else ""
    text = f"{sign}{value:.{places}f}".replace("-", "\u2212")
    more = (figure.says or {}).get((source, target), "")
    said = f"{source} to {target}: {sign}{value:.2f}{'; ' + more if more else ''}"
    return element("td", text, class_=_look(figure, value), title=said)


def _look(figure: HeatMap, value: float) -> str:
    if figure.signed:
        return ("p" if value >= 0 else "n") + str(step_of(abs(value) / (figure.high or 1), HALF))
    span = figure.high - figure.low
    return f"q{step_of((value - figure.low) / span if span > 0 else 0.0)}"


def ramp(low: str, high: str, signed: bool = False) -> Html:
    """What the colours mean."""
    if signed:
        looks = [f"n{step}" for step in range(HALF - 1, 0, -1)] + [f"p{step}" for step in range(HALF)]
    else:
        looks = [f"q{step}" for step in range(STEPS)]
    strip = element("span", *(element("i", class_=look) for look in looks), aria_hidden="true")
    return element("div", low, strip, high, class_="ramp")


def coloured(text: str, share: float | None) -> Html:
    """A table cell with its figure on the scale's colour."""
    return element("td", text, class_=None if share is None else f"q{step_of(share)}")


def table(
    header: Sequence[object], rows: Sequence[Sequence[object]], caption: str | None = None, total: bool = False
) -> Html:
    """The first cell of a row is its name; cells that are elements already stay; `total` sets the last row off."""
    left = {i for i, cell in enumerate(rows[0] if rows else ()) if not i or str(cell).startswith('<td class="left')}
    names = (element("th", cell, scope="col", class_="left" if i in left else None) for i, cell in enumerate(header))
    head = element("tr", *names)
    body = []
    for place, (name, *cells) in enumerate(rows):
        done = [cell if isinstance(cell, Html) and cell.startswith("<td") else element("td", cell) for cell in cells]
        last = total and place == len(rows) - 1
        body.append(element("tr", element("th", name, scope="row"), *done, class_="total" if last else None))
    said = element("caption", caption) if caption else None
    return scrolled(element("table", said, element("thead", head), element("tbody", *body)), caption or "table")


def scrolled(inside: Html, name: str) -> Html:
    """A wide table scrolls in a box of its own, by keyboard too; the page does not."""
    return element("div", inside, class_="scroll", role="region", aria_label=name, tabindex="0")


def legend(entries: Sequence[tuple[str, str]]) -> Html:
    """(colour property, what it stands for) each."""
    swatches = [
        element("li", element("i", style=f"background:var(--{colour})", aria_hidden="true"), name)
        for colour, name in entries
    ]
    return element("ul", *swatches, class_="legend")


def section(anchor: str, title: str, *parts: object) -> Html:
    """A card of the page, or nothing where it has nothing to show."""
    if not any(parts):
        return together()
    return element("section", element("h2", title), *parts, id=anchor, aria_label=title)
