"""Draw what was mined: plot.py PAIRS.tsv CURVE.tsv OUTPUT.svg

PAIRS is what `mine` wrote, CURVE what `evaluate pairs --curve` wrote. Above: how many pairs lie at each margin. Below:
precision, recall and F1 of all pairs above each threshold. The dashed lines are the default threshold (1.06) and the
lowest margin that mining trusts without gold, read from the manifest beside PAIRS.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

WIDTH, HEIGHT, LEFT, GAP = 760, 200, 60, 46
COLOURS = {"precision": "#1b6ca8", "recall": "#c1502e", "F1": "#3a7d44"}


class Panel:
    """One plot: data to pixels, an axis with ticks, and the marks drawn in it."""

    def __init__(self, top: float, x: tuple[float, float], y: tuple[float, float], title: str) -> None:
        self.top, self.x, self.y, self.marks = top, x, y, [text(LEFT, top - 8, title, bold=True)]
        for value in np.linspace(*x, 9):
            self.marks.append(text(self.across(value), top + HEIGHT + 16, f"{value:.2f}", middle=True))
        for value in np.linspace(*y, 5):
            row = self.down(value)
            self.marks.append(line([(LEFT, row), (WIDTH - 10, row)], "#ddd"))
            self.marks.append(text(LEFT - 6, row + 4, f"{value:g}", end=True))

    def across(self, value: float) -> float:
        return LEFT + (value - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - 10 - LEFT)

    def down(self, value: float) -> float:
        return self.top + HEIGHT - (value - self.y[0]) / (self.y[1] - self.y[0]) * HEIGHT

    def bars(self, edges: np.ndarray, counts: np.ndarray) -> None:
        for low, high, count in zip(edges, edges[1:], counts, strict=False):
            left, top = self.across(low), self.down(count)
            size = f'width="{self.across(high) - left - 1:.1f}" height="{self.down(0) - top:.1f}"'
            self.marks.append(f'<rect x="{left:.1f}" y="{top:.1f}" {size} fill="#8fb1cc"/>')

    def curve(self, xs: np.ndarray, ys: np.ndarray, colour: str) -> None:
        self.marks.append(line([(self.across(x), self.down(y)) for x, y in zip(xs, ys, strict=True)], colour, 2))

    def upright(self, value: float, label: str, row: int) -> None:
        if self.x[0] <= value <= self.x[1]:
            column = self.across(value)
            self.marks.append(line([(column, self.top), (column, self.top + HEIGHT)], "#444", dash=True))
            self.marks.append(text(column + 4, self.top + 12 + 14 * row, label))


def text(x: float, y: float, words: str, bold: bool = False, middle: bool = False, end: bool = False) -> str:
    anchor = "middle" if middle else "end" if end else "start"
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{words}</text>'


def line(points: list[tuple[float, float]], colour: str, width: float = 1, dash: bool = False) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = ' stroke-dasharray="5 4"' if dash else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'


def main(pairs: Path, curve: Path, output: Path) -> None:
    scores = np.loadtxt(pairs, delimiter="\t", usecols=0, ndmin=1)
    score, _, precision, recall, f1 = np.loadtxt(curve, delimiter="\t", skiprows=1, ndmin=2).T
    quality = json.loads(pairs.with_suffix(".manifest.json").read_text(encoding="utf-8"))["counts"]["quality"]
    span = float(scores.min()), float(np.quantile(scores, 0.995))
    counts, edges = np.histogram(scores, bins=40, range=span)
    histogram = Panel(GAP, span, (0, float(counts.max())), f"pairs at each margin ({len(scores)} pairs)")
    histogram.bars(edges, counts)
    quotes = Panel(2 * GAP + HEIGHT + 10, span, (0, 1), "above each threshold")
    inside = score <= span[1]
    for place, (name, values) in enumerate(zip(COLOURS, (precision, recall, f1), strict=True)):
        quotes.curve(score[inside], values[inside], COLOURS[name])
        quotes.marks.append(f'<g fill="{COLOURS[name]}">{text(WIDTH - 250 + 80 * place, quotes.top - 8, name)}</g>')
    for panel in (histogram, quotes):
        panel.upright(1.06, "default 1.06", 0)
        if quality["suggested_threshold"]:
            panel.upright(quality["suggested_threshold"], f"suggested {quality['suggested_threshold']:.3f}", 1)
    size = f'width="{WIDTH}" height="{quotes.top + HEIGHT + 30:.0f}"'
    body = "\n".join(histogram.marks + quotes.marks)
    style = 'font-family="sans-serif" font-size="12" fill="#222"'
    page = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<rect width="100%" height="100%" fill="white"/>\n'
    output.write_text(f"{page}<g {style}>\n{body}\n</g>\n</svg>\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
