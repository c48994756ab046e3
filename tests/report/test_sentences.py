from __future__ import annotations

from collections.abc import Callable

from references.small_run import NASTY, Size
from references.wellformed import rows, tree

from fairseq_xling.report.reading import Run
from fairseq_xling.report.sentences import samples_section


def test_text_of_the_corpus_stays_text(run: Run) -> None:
    page = tree(samples_section(run))
    shown = {bdi.text for bdi in page.all("bdi")}
    assert NASTY[0] in shown
    assert all(bdi.attributes["dir"] == "auto" and not bdi.children for bdi in page.all("bdi"))
    assert list(page.all("script")) == list(page.all("img")) == []


def test_a_table_for_each_pair_of_the_last_and_the_first_round(run: Run) -> None:
    page = tree(samples_section(run))
    names = [node.text for node in page.all("summary")]
    assert names == ["Round 2", "aa-bb", "aa-cc", "bb-cc", "Round 0", "aa-bb", "aa-cc", "bb-cc"]
    table = rows(next(page.all("table")))
    assert table[0] == ["place", "margin", "right?", "aa and bb"]
    assert [row[1] for row in table[1:]] == ["1.3000", "1.2300", "1.1600", "1.0800", "1.0100"]
    assert [row[2] for row in table[1:]] == ["✓ yes", "✓ yes", "✗ no", "✓ yes", "✗ no"]


def test_without_ids_and_with_one_round(write: Callable[[Size], Run]) -> None:
    page = tree(samples_section(write(Size(ids=False, rounds=0))))
    assert [node.text for node in page.all("summary")] == ["Round 0", "aa-bb", "aa-cc", "bb-cc"]
    assert rows(next(page.all("table")))[0] == ["place", "margin", "aa and bb"]


def test_a_text_that_is_gone_is_said(write: Callable[[Size], Run]) -> None:
    run = write(Size(rounds=0))
    (run.root / "world/mono.aa").unlink()
    page = tree(samples_section(run))
    assert page.one("p", **{"class": "warn"}).text.startswith("No samples with aa: its text is not where")
    assert [node.text for node in page.all("summary")] == ["Round 0", "bb-cc"]
