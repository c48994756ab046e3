from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from references.small_run import Size
from references.wellformed import rows, tree

from fairseq_xling.report.comparison import comparison_page
from fairseq_xling.report.reading import Run


def test_differences_are_b_minus_a(run: Run, write: Callable[[Size], Run]) -> None:
    page = tree(comparison_page(run, write(Size(rounds=1, shift=0.125))))
    table = {row[0]: row[1:] for row in rows(page.one("section", id="rounds").one("table"))}
    assert table["Retrieval, % (test)"] == [
        "21.0", "33.5", "+12.5", "41.0", "53.5", "+12.5", "61.0", "\u2013", "\u2013",
    ]  # fmt: skip
    map_of_round = page.one("section", id="retrieval").one("table", **{"class": "map"})
    assert rows(map_of_round)[1] == ["aa", "", "+12.5", "+12.5"]
    assert "round 1" in page.one("section", id="retrieval").text
    mined = rows(page.one("section", id="mining").one("table"))
    assert mined[1] == ["aa-bb", "20", "80.0", "20", "80.0"]


def test_what_was_configured_differently(run: Run) -> None:
    other = replace(run, config=dict(run.config) | {"seed": 3, "mining": {"max_count": [10, 99]}}, memory={})
    table = rows(tree(comparison_page(run, other)).one("section", id="configuration").one("table"))
    assert table == [["option", "A", "B"], ["mining.max_count", "[10, 20]", "[10, 99]"], ["seed", "\u2013", "3"]]


def test_a_run_against_itself(run: Run) -> None:
    page = comparison_page(run, run)
    assert "The two configurations are the same." in page
    assert comparison_page(run, run) == page
    assert not re.search(r"https?://|<script", page)
    assert "changed" not in [cell.attributes.get("class") for cell in tree(page).all("td")]


def test_runs_with_nothing_in_common(run: Run, write: Callable[[Size], Run]) -> None:
    page = tree(comparison_page(run, write(Size(languages=("xx", "yy"), evaluated=False, rounds=0))))
    assert [node.attributes["id"] for node in page.all("section")] == ["rounds", "mining", "time", "configuration"]
