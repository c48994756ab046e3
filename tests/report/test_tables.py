from __future__ import annotations

import pytest
from references.wellformed import rows, tree

from fairseq_xling.report.markup import element
from fairseq_xling.report.tables import HeatMap, coloured, heat_map, legend, ramp, scrolled, section, table


def test_rows_are_sources_and_columns_targets() -> None:
    values = {("aa", "bb"): 25.0, ("bb", "aa"): 100.0, ("aa", "cc"): 0.0}
    figure = tree(heat_map(HeatMap("t", ["aa", "bb", "cc"], values, 100, says={("aa", "bb"): "1 of 4"})))
    assert rows(figure.one("table")) == [
        ["", "aa", "bb", "cc"],
        ["aa", "", "25.0", "0.0"],
        ["bb", "100.0", "", "\u2013"],
        ["cc", "\u2013", "\u2013", ""],
    ]
    cells = {
        cell.attributes["title"]: cell.attributes["class"] for cell in figure.all("td") if "title" in cell.attributes
    }
    assert cells["aa to bb: 25.00; 1 of 4"] == "q5"
    assert cells["bb to aa: 100.00"] == "q20"
    assert cells["aa to cc: 0.00"] == "q0"
    assert cells["bb to cc: not scored"] == "none"


def test_differences_have_two_sides() -> None:
    values = {("aa", "bb"): -5.0, ("bb", "aa"): 10.0}
    figure = tree(heat_map(HeatMap("t", ["aa", "bb"], values, 10, signed=True)))
    cells = {cell.text: cell.attributes["class"] for cell in figure.all("td") if cell.text}
    assert cells == {"\u22125.0": "n5", "+10.0": "p10"}


@pytest.mark.parametrize(
    ("count", "look"), [(3, "map"), (8, "map"), (9, "map mid"), (17, "map many"), (41, "map crowd")]
)
def test_cells_shrink(count: int, look: str) -> None:
    codes = [f"l{i}" for i in range(count)]
    figure = tree(heat_map(HeatMap("t", codes, {("l0", "l1"): 12.34}, 100)))
    assert figure.one("table").attributes["class"] == look
    assert "12.3" in figure.text if count < 9 else "12 " in figure.text + " "


def test_a_table_has_names_of_rows_and_columns() -> None:
    cells = [["a<b", "1", coloured("2", 0.5)], ["all", "3", element("td", "x", class_="left")]]
    read = tree(table(["name", "n", "m"], cells, "caption", total=True)).one("table")
    assert rows(read) == [["name", "n", "m"], ["a<b", "1", "2"], ["all", "3", "x"]]
    assert [cell.attributes["scope"] for cell in read.all("th")] == ["col"] * 3 + ["row"] * 2
    assert read.one("td", **{"class": "q10"}).text == "2"
    assert read.one("tr", **{"class": "total"}).text.startswith("all")
    assert read.one("caption").text == "caption"


def test_wide_things_scroll_by_keyboard_too() -> None:
    assert tree(scrolled(element("p"), "n")).one("div").attributes == {
        "class": "scroll", "role": "region", "aria-label": "n", "tabindex": "0",
    }  # fmt: skip


def test_a_section_without_content_is_none() -> None:
    assert section("a", "A") == ""
    assert tree(section("a", "A", "text")).one("section", id="a").one("h2").text == "A"


def test_keys_to_colours() -> None:
    assert len(list(tree(ramp("0", "1")).all("i"))) == 21
    looks = [node.attributes["class"] for node in tree(ramp("a", "b", signed=True)).all("i")]
    assert looks == [*(f"n{i}" for i in range(10, 0, -1)), *(f"p{i}" for i in range(11))]
    assert tree(legend([("right", "right ones")])).one("li").text == "right ones"
