"""Figures as inline SVG: lines over a number, and the bars of a histogram; colours come from the page's style."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fairseq_xling.report.markup import Html, count, element, number, together

Across = Callable[[float], float]

WIDE, HIGH = 360, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 10, 10, 32
BARS_WIDE, BARS_HIGH = 240, 104


@dataclass(frozen=True)
class Line:
    """A named line of (x, y); `look` is a class of the style sheet, `colour` one of its properties instead."""

    name: str
    points: Sequence[tuple[float, float]]
    look: str = "one"
    colour: str | None = None
    flat: bool = False
    """A level that holds for every x, drawn from edge to edge."""


@dataclass(frozen=True)
class Axes:
    """What the figure is called, and its axes; y begins at zero where `zero` says so."""

    title: str
    x: str
    whole: bool = False
    zero: bool = True
    places: int = 1


@dataclass(frozen=True)
class Bars:
    """A histogram: (low, high, right or all, wrong) each, the cut, and where all candidates lie."""

    title: str
    bars: Sequence[tuple[float, float, int, int]]
    judged: bool
    cut: float | None
    quantiles: Sequence[float] = ()
    """5, 25, 50, 75 and 95 percent of all candidates."""


def chart(axes: Axes, lines: Sequence[Line]) -> Html:
    """The lines in one frame, with a legend that says each one's last value."""
    lines = [line for line in lines if line.points]
    xs = [x for line in lines if not line.flat for x, _ in line.points] or [0.0, 1.0]
    ys = [y for line in lines for _, y in line.points] or [0.0, 1.0]
    y_ticks = ticks(min(0.0, *ys) if axes.zero else min(ys), max(ys))
    x_ticks = ticks(min(xs), max(xs), 6, axes.whole)
    low, high = min(y_ticks[0], *ys), max(y_ticks[-1], *ys)
    left, right = min(xs), max(xs)

    def across(x: float) -> float:
        share = (x - left) / (right - left) if right > left else 0.5
        return _LEFT + share * (WIDE - _LEFT - _RIGHT)

    def up(y: float) -> float:
        return HIGH - _BOTTOM - (y - low) / ((high - low) or 1) * (HIGH - _TOP - _BOTTOM)

    parts = [_tick(_LEFT, WIDE - _RIGHT, up(y), short(y)) for y in y_ticks]
    parts += [_label(across(x), HIGH - _BOTTOM + 15, short(x)) for x in x_ticks if left <= x <= right]
    parts.append(_label((_LEFT + WIDE - _RIGHT) / 2, HIGH - 3, axes.x))
    for line in lines:
        points = [(left, line.points[0][1]), (right, line.points[0][1])] if line.flat else line.points
        parts += _drawn(line, [(across(x), up(y)) for x, y in points], axes)
    said = "; ".join(f"{line.name}: {number(line.points[-1][1], axes.places)}" for line in lines)
    picture = element(
        "svg", *parts, viewBox=f"0 0 {WIDE} {HIGH}", class_="chart", role="img", aria_label=f"{axes.title}. {said}"
    )
    return element("figure", element("figcaption", element("b", axes.title)), picture, _legend(lines, axes))


def _drawn(line: Line, points: Sequence[tuple[float, float]], axes: Axes) -> list[Html]:
    style = f"--c:var(--{line.colour})" if line.colour else None
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    drawn = [element("polyline", points=path, class_=f"line {line.look}", style=style)]
    if len(points) <= 12 and not line.flat:
        for (x, y), (at, value) in zip(points, line.points, strict=True):
            said = element("title", f"{line.name}, {axes.x} {short(at)}: {number(value, axes.places)}")
            drawn.append(
                element("circle", said, cx=f"{x:.1f}", cy=f"{y:.1f}", r="4", class_=f"dot {line.look}", style=style)
            )
    return drawn


def _legend(lines: Sequence[Line], axes: Axes) -> Html:
    entries = []
    for line in lines:
        style = f"--c:var(--{line.colour})" if line.colour else None
        stroke = element("line", x1="1", y1="5", x2="25", y2="5", class_=f"line {line.look}", style=style)
        swatch = element("svg", stroke, viewBox="0 0 26 10", aria_hidden="true")
        entries.append(element("li", swatch, f"{line.name} ", element("b", number(line.points[-1][1], axes.places))))
    return element("ul", *entries, class_="legend")


def histogram(figure: Bars, low: float, high: float) -> Html:
    """Bars over `low` to `high`, right pairs at the bottom and wrong ones on them; the cut; the candidates below."""
    floor, top, left, right = BARS_HIGH - 32.0, 6.0, 4.0, BARS_WIDE - 4.0
    most = max((one + other for *_, one, other in figure.bars), default=0) or 1

    def across(x: float) -> float:
        return left + (min(max(x, low), high) - low) / ((high - low) or 1) * (right - left)

    parts = [element("line", x1=left, x2=right, y1=floor, y2=floor, class_="axis")]
    outlines: dict[str, list[str]] = {"right" if figure.judged else "plain": [], "wrong": []}
    for begin, end, *heights in figure.bars:
        x, wide, y = across(begin), max(across(end) - across(begin) - 0.6, 0.8), floor
        for outline, height in zip(outlines.values(), heights, strict=True):
            tall = height / most * (floor - top)
            y -= tall
            if height:
                outline.append(f"M{x:.1f} {y:.1f}h{wide:.1f}v{tall:.1f}h-{wide:.1f}z")
    parts += [element("path", d="".join(outline), class_=look) for look, outline in outlines.items() if outline]
    parts += _candidates(figure.quantiles, floor + 9, across)
    if figure.cut is not None:
        place = f"{across(figure.cut):.1f}"
        parts.append(element("line", x1=place, x2=place, y1=top - 4, y2=floor + 15, class_="cut"))
    parts += [_label(left, BARS_HIGH - 3, f"{low:.3f}", "start"), _label(right, BARS_HIGH - 3, f"{high:.3f}", "end")]
    parts.append(_label(BARS_WIDE / 2, BARS_HIGH - 3, f"peak {count(most)}"))
    said = f"{figure.title}: margins from {low:.3f} to {high:.3f}, at most {count(most)} pairs in a bar"
    return element("svg", *parts, viewBox=f"0 0 {BARS_WIDE} {BARS_HIGH}", class_="bars", role="img", aria_label=said)


def _candidates(quantiles: Sequence[float], y: float, across: Across) -> list[Html]:
    """A box of the middle half, a line from 5 to 95 percent, a gap at the median."""
    if len(quantiles) != 5:
        return []
    low, first, middle, third, high = (across(value) for value in quantiles)
    said = element("title", "all mutual nearest pairs: 5, 25, 50, 75, 95 % " + ", ".join(map(short, quantiles)))
    return [
        element("line", said, x1=f"{low:.1f}", x2=f"{high:.1f}", y1=y, y2=y, class_="whisker"),
        element("rect", x=f"{first:.1f}", y=y - 3, width=f"{max(third - first, 1.0):.1f}", height=6, class_="box"),
        element("line", x1=f"{middle:.1f}", x2=f"{middle:.1f}", y1=y - 3, y2=y + 3, style="stroke:var(--card)"),
    ]


def ticks(low: float, high: float, most: int = 5, whole: bool = False) -> list[float]:
    """Round numbers from at most `low` to at least `high`; 1, 2, 2.5 or 5 times a power of ten apart."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    sizes = (1, 2, 5, 10) if whole else (1, 2, 2.5, 5, 10)
    step = next(size * power for size in sizes if span / (size * power) <= most)
    if whole:
        step = max(1.0, step)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 10) for place in range(first, last + 1)]


def short(value: float) -> str:
    """As few digits as tell it: 1.06, 20, 12k."""
    if abs(value) >= 10000:
        return f"{value / 1000:.4g}k"
    return f"{value:.4g}".replace("-", "\u2212")


def _tick(left: float, right: float, y: float, text: str) -> Html:
    line = element("line", x1=left, x2=right, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="tick")
    return together(line, _label(left - 5, y + 4, text, "end"))


def _label(x: float, y: float, text: str, anchor: str = "middle", look: str | None = None) -> Html:
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=look)
