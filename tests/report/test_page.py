from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from references.small_run import NASTY, Size
from references.wellformed import tree

from fairseq_xling.report.page import run_page
from fairseq_xling.report.reading import Run, read_run


def test_everything_is_on_the_page(run: Run) -> None:
    page = tree(run_page(run))
    links = [node.attributes["href"] for node in page.one("nav").all("a")]
    assert links == [f"#{node.attributes['id']}" for node in page.all("section")]
    assert [link[1:] for link in links] == [
        "rounds", "retrieval", "bleu", "mining", "training", "samples", "time", "configuration",
    ]  # fmt: skip
    assert page.one("html").attributes["lang"] == "en"
    assert page.one("head").one("title").text == "small: report"
    assert "width=device-width" in page.one("meta", name="viewport").attributes["content"]


def test_nothing_is_loaded_and_nothing_runs(run: Run) -> None:
    page = run_page(run)
    assert page.startswith("<!doctype html>\n")
    assert not re.search(r"https?://|//[a-z]|@import|url\(", page)
    read = tree(page)
    assert [list(read.all(tag)) for tag in ("script", "img", "iframe", "object", "form")] == [[]] * 5
    assert [node.attributes["href"] for node in read.all("link")] == ["data:,"]
    assert not re.search(r"<[^>]* on[a-z]+=", page)


def test_what_texts_hold_is_escaped(run: Run) -> None:
    page = run_page(run)
    assert NASTY[0] not in page
    assert "&lt;script&gt;alert(" in page
    assert "\x00" not in page
    assert "\x1b" not in page


def test_a_language_may_be_called_anything(write: Callable[[Size], Run]) -> None:
    run = write(Size(rounds=0))
    config = dict(run.config) | {"languages": {"<b>&": {}}, "start": {"checkpoint": "<script>x</script>"}}
    assert list(tree(run_page(read_run(run.root, config))).all("script")) == []


def test_equal_directories_give_equal_bytes(run: Run, run_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / run_dir.name
    shutil.copytree(run_dir, copy)
    assert run_page(read_run(copy, run.config)) == run_page(run) == run_page(read_run(run_dir, run.config))


def test_every_way_of_being_unfinished(write: Callable[[Size], Run]) -> None:
    root = write(Size(rounds=1)).root
    for gone in ("scores.jsonl", "round-01", "logs", "pretrain", "round-00/evaluate", "round-00/mine", "world"):
        place = root / gone
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink()
        tree(run_page(read_run(root, {})))
    (root / "config.yaml").unlink()
    tree(run_page(read_run(root, {})))


def test_signatures_travel_along(run: Run) -> None:
    assert "margin:absolute|k:1|split:test|xling:0.1.0" in {node.text for node in tree(run_page(run)).all("code")}
