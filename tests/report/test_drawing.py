from __future__ import annotations

import re

import pytest
from references.wellformed import Node, tree

from fairseq_xling.report.drawing import BARS_WIDE, HIGH, WIDE, Axes, Bars, Line, chart, histogram, short, ticks


def points(node: Node) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in node.attributes["points"].split())]


def test_a_chart_draws_its_lines_to_scale() -> None:
    figure = tree(
        chart(Axes("Loss", "update"), [Line("one", [(0, 0), (5, 10), (10, 20)]), Line("level", [(0, 5)], flat=True)])
    )
    line, level = (points(node) for node in figure.all("polyline"))
    assert line[1] == pytest.approx(((line[0][0] + line[2][0]) / 2, (line[0][1] + line[2][1]) / 2), abs=0.06)
    assert line[0][1] > line[2][1]
    assert level == [
        (line[0][0], pytest.approx((line[0][1] * 3 + line[2][1]) / 4, abs=0.06)),
        (line[2][0], level[0][1]),
    ]
    assert all(0 <= x <= WIDE and 0 <= y <= HIGH for x, y in [*line, *level])
    assert [item.text.split() for item in figure.all("li")] == [["one", "20.0"], ["level", "5.0"]]
    assert next(figure.all("svg", role="img")).attributes["aria-label"] == "Loss. one: 20.0; level: 5.0"


@pytest.mark.parametrize("values", [[], [(3, 3)], [(0, 0), (1, 0)], [(0, -4), (1, -2)], [(1, 1e-9), (2, 1e9)]])
def test_any_values_can_be_drawn(values: list[tuple[float, float]]) -> None:
    for zero in (True, False):
        drawn = chart(Axes("t", "x", zero=zero), [Line("a", values)])
        tree(drawn)
        assert not re.search(r"nan|inf", drawn)


def areas(path: Node) -> float:
    return sum(float(w) * float(h) for w, h in re.findall(r"h([\d.]+)v([\d.]+)", path.attributes["d"]))


def test_bars_are_as_large_as_what_they_count() -> None:
    bars = [(1.0, 1.1, 3, 1), (1.1, 1.2, 0, 0), (1.2, 1.3, 5, 7)]
    figure = tree(histogram(Bars("aa-bb", bars, True, 1.0, [0.9, 1.0, 1.1, 1.2, 1.25]), 0.9, 1.3))
    right, wrong = (figure.one("path", **{"class": look}) for look in ("right", "wrong"))
    assert areas(right) / areas(wrong) == pytest.approx(8 / 8, rel=0.02)
    cut, width = figure.one("line", **{"class": "cut"}), BARS_WIDE - 8
    assert float(cut.attributes["x1"]) == pytest.approx(4 + width / 4, abs=0.06)
    box = figure.one("rect", **{"class": "box"})
    assert float(box.attributes["width"]) == pytest.approx(width / 2, abs=0.06)
    assert "peak 12" in figure.text


def test_bars_without_judgement_or_candidates() -> None:
    figure = tree(histogram(Bars("aa-bb", [(1.0, 1.0, 2, 0)], False, None), 1.0, 1.0))
    assert [node.attributes["class"] for node in figure.all("path")] == ["plain"]
    assert list(figure.all("rect")) == []


@pytest.mark.parametrize(
    ("low", "high", "whole", "found"),
    [
        (0, 100, False, [0, 20, 40, 60, 80, 100]),
        (0, 3, True, [0, 1, 2, 3]),
        (0, 0.61, False, [0, 0.2, 0.4, 0.6, 0.8]),
        (8.1, 8.7, False, [8.0, 8.2, 8.4, 8.6, 8.8]),
        (5, 5, False, [5]),
    ],
)
def test_ticks(low: float, high: float, whole: bool, found: list[float]) -> None:
    assert ticks(low, high, whole=whole) == found


def test_short_numbers() -> None:
    assert [short(value) for value in (0, 1.06, 20, 12345, -0.5)] == ["0", "1.06", "20", "12.35k", "\u22120.5"]
