from __future__ import annotations

import itertools

import pytest

from fairseq_xling.report.colours import (
    BLUE,
    DARK,
    LIGHT,
    ORANGE,
    STEPS,
    contrast,
    from_oklch,
    ink_on,
    luminance,
    rules,
    scale,
    step_of,
    to_hex,
)  # fmt: skip


@pytest.mark.parametrize("hue", [BLUE, ORANGE])
@pytest.mark.parametrize("ends", [LIGHT, DARK])
def test_figures_are_readable_on_every_step(ends: tuple[float, float], hue: float) -> None:
    assert min(contrast(ink_on(colour), colour) for colour in scale(ends, hue)) >= 4.5


@pytest.mark.parametrize("ends", [LIGHT, DARK])
def test_steps_are_even_and_go_one_way(ends: tuple[float, float]) -> None:
    """The cube root of luminance is nearly what the eye calls lightness (CIE 1976)."""
    lightness = [luminance(colour) ** (1 / 3) for colour in scale(ends)]
    steps = [after - before for before, after in itertools.pairwise(lightness)]
    assert len({step > 0 for step in steps}) == 1
    assert max(map(abs, steps)) < 2.5 * min(map(abs, steps))


def test_known_colours() -> None:
    """Black, white, and the blue of sRGB, whose OKLCH is 0.452, 0.313, 264 (Ottosson 2020)."""
    assert to_hex(from_oklch(0, 0, 0)) == "#000000"
    assert to_hex(from_oklch(1, 0, 0)) == "#ffffff"
    assert to_hex(from_oklch(0.4520137, 0.3132143, 264.052)) == "#0000ff"
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert luminance("#808080") == pytest.approx(0.2158605)


def test_steps_of_fractions() -> None:
    assert [step_of(share) for share in (-1, 0, 0.5, 1, 7)] == [0, 0, (STEPS - 1) // 2, STEPS - 1, STEPS - 1]


def test_rules_name_each_colour_and_its_ink() -> None:
    assert rules("q", ["#ffffff", "#000000"]) == "--q0:#ffffff;--qi0:#000000;--q1:#000000;--qi1:#ffffff;"
