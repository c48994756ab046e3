"""Heat-maps and curves as SVG text, written by hand: nothing to install, nothing to load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

Values = Mapping[tuple[str, str], float]

_CELL, _FONT = 46, 12
_STYLE = f"font-family:sans-serif;font-size:{_FONT}px"
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def heat_map(title: str, languages: Sequence[str], values: Values) -> str:
    """Rows are sources, columns targets, `values` fractions that are shown in percent. Dark is high."""
    left = 14 + 7 * max(map(len, languages), default=1)
    top, side = 34 + left, _CELL * len(languages)
    parts = [_text(8, 20, title, "font-weight:bold")]
    for place, code in enumerate(languages):
        middle = (place + 0.5) * _CELL
        parts.append(_text(left - 6, top + middle + 4, code, "text-anchor:end"))
        parts.append(f'<g transform="translate({left + middle + 4:g},{top - 6}) rotate(-90)">{_text(0, 0, code)}</g>')
    for row, source in enumerate(languages):
        for column, target in enumerate(languages):
            value = values.get((source, target))
            if value is not None:
                parts.append(_cell(left + column * _CELL, top + row * _CELL, value))
    return _svg(left + side + 12, top + side + 12, parts)


def _cell(x: float, y: float, share: float) -> str:
    # White to a dark blue, which stays readable in grey and for the colour-blind.
    shade = min(max(share, 0.0), 1.0)
    red, green, blue = (round(255 + (dark - 255) * shade) for dark in (8, 48, 107))
    ink = "#fff" if shade > 0.5 else "#000"
    box = f'<rect x="{x:g}" y="{y:g}" width="{_CELL}" height="{_CELL}" fill="rgb({red},{green},{blue})"/>'
    return box + _text(x + _CELL / 2, y + _CELL / 2 + 4, f"{100 * share:.1f}", f"text-anchor:middle;fill:{ink}")


def curves(title: str, axis: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Fractions over a number, one line of points for each name; `axis` says what the number is."""
    left, top, wide, high = 48, 34, 420, 240
    numbers = [x for points in lines.values() for x, _ in points]
    low, span = min(numbers, default=0), (max(numbers, default=0) - min(numbers, default=0)) or 1
    parts = [_text(8, 20, title, "font-weight:bold")]
    for tick in range(0, 101, 20):
        y = top + high * (1 - tick / 100)
        parts.append(f'<line x1="{left}" y1="{y:g}" x2="{left + wide}" y2="{y:g}" stroke="#ccc"/>')
        parts.append(_text(left - 6, y + 4, f"{tick}", "text-anchor:end"))
    for x in sorted(set(numbers)):
        parts.append(_text(left + wide * (x - low) / span, top + high + 18, f"{x:g}", "text-anchor:middle"))
    parts.append(_text(left + wide / 2, top + high + 36, axis, "text-anchor:middle"))
    for place, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        spots = [(left + wide * (x - low) / span, top + high * (1 - y)) for x, y in sorted(points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in spots]
        parts.append(_text(left + wide + 12, top + 14 + 18 * place, name, f"fill:{colour}"))
    return _svg(left + wide + 24 + 7 * max(map(len, lines), default=0), top + high + 48, parts)


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" style="{_STYLE};{style}">{escape(text)}</text>'


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    ground = f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', ground, *parts, "</svg>"]) + "\n"
