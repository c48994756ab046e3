"""The pages in a real browser: nothing runs, nothing is asked for, nothing sticks out, at every width and scheme."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from references.chromium import PROGRAM, Browser
from references.small_run import Size, write_run

from fairseq_xling.cli.main import main

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="chromium is not here (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small run's page, one of many languages, and a comparison."""
    folder = tmp_path_factory.mktemp("pages")
    write_run(folder / "small")
    write_run(folder / "other", Size(shift=0.1))
    write_run(folder / "many", Size(languages=[f"l{i:02d}_XX" for i in range(20)], rounds=0, planned=1))
    places = {name: folder / f"{name}.html" for name in ("small", "many", "two")}
    for name, runs in (("small", ["small"]), ("many", ["many"]), ("two", ["small", "other"])):
        assert main(["report", *(str(folder / run) for run in runs), "--output", str(places[name])]) == 0
    return places


@pytest.mark.parametrize("name", ["small", "many", "two"])
@pytest.mark.parametrize(("width", "dark"), [(360, False), (360, True), (1240, False)])
def test_a_page(browser: Browser, pages: dict[str, Path], name: str, width: int, dark: bool) -> None:
    browser.console.clear()
    browser.asked.clear()
    browser.open(pages[name], width, dark=dark)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    picture = browser.picture()
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">I", picture[16:20]) == (width,)
    assert browser.asked == [pages[name].as_uri()]
    assert browser.console == []


def test_what_was_mined_does_not_run(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["small"], 1240)
    browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.ask("document.querySelectorAll('script, img').length") == 0
    assert "<script>alert('mined')</script>" in browser.ask("document.querySelector('#samples').innerText")
    assert browser.console == []


def test_text_from_right_to_left(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["small"], 1240)
    hebrew = "[...document.querySelectorAll('bdi')].find(e => /^[\\u05d0-\\u05ea]/.test(e.textContent))"
    assert browser.ask(f"getComputedStyle({hebrew}).direction") == "rtl"


def test_both_schemes_and_paper(browser: Browser, pages: dict[str, Path]) -> None:
    ask = "getComputedStyle(document.querySelector('section')).backgroundColor"
    browser.open(pages["small"], 1240, dark=True)
    dark = browser.ask(ask)
    browser.open(pages["small"], 1240)
    assert (dark, browser.ask(ask)) == ("rgb(29, 32, 37)", "rgb(255, 255, 255)")
    browser.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert browser.ask("getComputedStyle(document.querySelector('nav')).display") == "none"


def test_the_probe_hears_and_sees(browser: Browser, tmp_path: Path) -> None:
    """What the other tests find nothing of is found where it is planted."""
    page = tmp_path / "planted.html"
    page.write_text("<div style='width:2000px'>x</div><img src='absent.png'><script>console.error('planted')</script>")
    browser.console.clear()
    browser.asked.clear()
    browser.open(page, 360)
    assert browser.ask("document.documentElement.scrollWidth") > 360
    assert any("planted" in said for said in browser.console)
    assert (tmp_path / "absent.png").as_uri() in browser.asked
