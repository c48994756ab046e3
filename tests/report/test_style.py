from __future__ import annotations

import re

import pytest

from fairseq_xling.report import style
from fairseq_xling.report.colours import contrast


def declared(block: str) -> dict[str, str]:
    return dict(re.findall(r"(--[a-z]+):(#[0-9a-f]{6})", block))


def test_every_property_that_is_used_is_declared_in_both_schemes() -> None:
    sheet = style.stylesheet()
    light, dark = (set(re.findall(r"(--[a-z]+\d*):#", part)) for part in sheet.split("@media screen")[:2])
    used = set(re.findall(r"var\((--[a-z]+\d*)\)", sheet)) - {"--c"}  # --c is what a line's own class gives it
    assert light == dark
    assert used <= light
    assert sheet.count("{") == sheet.count("}")


@pytest.mark.parametrize("scheme", [style._LIGHT, style._DARK])
def test_text_and_lines_stand_out(scheme: str) -> None:
    colours = declared(scheme)
    for name in ("--ink", "--soft", "--one", "--two", "--warn"):
        assert min(contrast(colours[name], colours[ground]) for ground in ("--card", "--ground")) >= 4.5, name
    for name in ("--base", "--right", "--cut"):
        assert contrast(colours[name], colours["--card"]) >= 3, name
    assert contrast(colours["--right"], colours["--wrong"]) >= 1.3


def test_nothing_is_loaded() -> None:
    assert not re.search(r"url\(|@import|//", style.stylesheet())
