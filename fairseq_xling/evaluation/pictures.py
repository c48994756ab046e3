"""Heat-maps, curves, points and alignments as SVG text, written by hand: nothing to install, nothing to load."""

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
    ink = "#fff" if share > 0.5 else "#000"
    box = f'<rect x="{x:g}" y="{y:g}" width="{_CELL}" height="{_CELL}" fill="{_shade(share)}"/>'
    return box + _text(x + _CELL / 2, y + _CELL / 2 + 4, f"{100 * share:.1f}", f"text-anchor:middle;fill:{ink}")


def _shade(share: float) -> str:
    """White to a dark blue, which stays readable in grey and for the colour-blind."""
    shade = min(max(share, 0.0), 1.0)
    red, green, blue = (round(255 + (dark - 255) * shade) for dark in (8, 48, 107))
    return f"rgb({red},{green},{blue})"


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


def points(title: str, clouds: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """A dot for each (x, y), coloured by the name of its cloud; both axes have the same scale."""
    top, side = 34, 360
    everything = [spot for cloud in clouds.values() for spot in cloud]
    low = [min((spot[axis] for spot in everything), default=0.0) for axis in (0, 1)]
    high = [max((spot[axis] for spot in everything), default=0.0) for axis in (0, 1)]
    scale = side / (max(high[0] - low[0], high[1] - low[1]) or 1)
    parts = [_text(8, 20, title, "font-weight:bold")]
    parts.append(f'<rect x="8" y="{top}" width="{side + 16}" height="{side + 16}" fill="none" stroke="#ccc"/>')
    for place, (name, cloud) in enumerate(clouds.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        for x, y in cloud:
            across, down = 16 + (x - low[0]) * scale, top + 8 + (high[1] - y) * scale
            parts.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="2.5" fill="{colour}" fill-opacity="0.6"/>')
        parts.append(_text(side + 36, top + 14 + 18 * place, name, f"fill:{colour}"))
    return _svg(side + 48 + 7 * max(map(len, clouds), default=0), top + side + 24, parts)


def alignment(title: str, source: Sequence[str], target: Sequence[str], values: Sequence[Sequence[float]],
              aligned: Sequence[Sequence[bool]]) -> str:  # fmt: skip
    """Cosines of source tokens (rows) with target tokens (columns), dark is high; aligned ones have a frame."""
    left = 14 + 7 * max(map(len, source), default=1)
    top, cell = 44 + 7 * max(map(len, target), default=1), 22
    parts = [_text(8, 20, title, "font-weight:bold")]
    for place, token in enumerate(source):
        parts.append(_text(left - 6, top + (place + 0.5) * cell + 4, token, "text-anchor:end"))
    for place, token in enumerate(target):
        x = left + (place + 0.5) * cell + 4
        parts.append(f'<g transform="translate({x:g},{top - 6}) rotate(-90)">{_text(0, 0, token)}</g>')
    frames = []
    for row, (cosines, chosen) in enumerate(zip(values, aligned, strict=True)):
        for column, (cosine, linked) in enumerate(zip(cosines, chosen, strict=True)):
            x, y = left + column * cell, top + row * cell
            box = f'<rect x="{x}" y="{y}" width="{cell}" height="{cell}"'
            parts.append(f'{box} fill="{_shade(cosine)}"><title>{cosine:.3f}</title></rect>')
            if linked:
                frames.append(f'{box} fill="none" stroke="{_COLOURS[1]}" stroke-width="3"/>')
    wide = max(left + cell * len(target), 7 * len(title))
    return _svg(wide + 12, top + cell * len(source) + 12, [*parts, *frames])


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" style="{_STYLE};{style}">{escape(text)}</text>'


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    ground = f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', ground, *parts, "</svg>"]) + "\n"
