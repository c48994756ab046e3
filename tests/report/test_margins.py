from __future__ import annotations

from collections.abc import Callable

from references.small_run import Size
from references.wellformed import rows, tree

from fairseq_xling.report.margins import mining_section
from fairseq_xling.report.reading import Run


def test_counts_and_precision(run: Run) -> None:
    page = tree(mining_section(run))
    counts, first, second = page.all("table")
    assert rows(counts) == [
        ["pair", "round 0", "right, %", "round 1", "right, %", "round 2", "right, %"],
        *([pair, "10", "80.0", "20", "80.0", "30", "80.0"] for pair in ("aa-bb", "aa-cc", "bb-cc")),
        ["all together", "30", "80.0", "60", "80.0", "90", "80.0"],
    ]
    assert rows(first) == [
        ["pair", "mined", "length:1:250", "copies", "train", "validation"],
        *([pair, "10", "1", "2", "6", "1"] for pair in ("aa-bb", "aa-cc", "bb-cc")),
        ["all", "30", "3", "6", "18", "3"],
    ]
    assert second.one("caption").text == "Round 2 trains on what round 1 mined"


def test_the_last_round_is_open(run: Run) -> None:
    found = [(node.one("summary").text, "open" in node.attributes) for node in tree(mining_section(run)).all("details")]
    assert found == [
        ("What the filters dropped before training", False), ("Round 2", True), ("Round 1", False), ("Round 0", False),
    ]  # fmt: skip


def test_every_pair_has_its_margins(run: Run) -> None:
    captions = [" ".join(node.text.split()) for node in tree(mining_section(run)).all("figcaption")]
    assert len(captions) == 9
    assert "30 pairs, 80.0 % right cut 1.0100 · 12 trusted without gold aa-bb" in captions


def test_without_ids(write: Callable[[Size], Run]) -> None:
    page = tree(mining_section(write(Size(ids=False, rounds=0))))
    assert rows(next(page.all("table")))[0] == ["pair", "round 0"]
    assert "right" not in page.one("ul").text
    assert {node.attributes["class"] for node in page.all("path")} == {"plain"}


def test_no_pair_passed(write: Callable[[Size], Run]) -> None:
    run = write(Size(rounds=0))
    place = run.root / "round-00/mine/aa-bb"
    text = (place / "pairs.manifest.json").read_text()
    begin = text.index('"histogram"')
    (place / "pairs.manifest.json").write_text(
        text[:begin].replace('"pairs": 10', '"pairs": 0') + '"histogram": []' + text[text.index("]", begin) + 1 :]
    )
    (place / "pairs.tsv").write_text("")
    page = tree(mining_section(run))
    assert "No pair passed the cut." in page.text
    assert rows(next(page.all("table")))[1] == ["aa-bb", "0", "\u2013"]
