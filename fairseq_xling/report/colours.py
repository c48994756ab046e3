"""Scales that are even to the eye: steps of equal lightness in OKLCH, the figure in each cell always readable."""

from __future__ import annotations

import math
from collections.abc import Sequence

STEPS = 21
BLUE, ORANGE = 255.0, 50.0
_CHROMA = 0.125
# Lightness of the lowest and the highest step: low values recede into the page, in either scheme.
LIGHT, DARK = (0.965, 0.34), (0.27, 0.90)

Rgb = tuple[float, float, float]


def scale(ends: tuple[float, float], hue: float = BLUE, steps: int = STEPS) -> list[str]:
    """`steps` colours from low to high; equal steps of lightness, colourfulness fading towards both ends."""
    first, last = ends
    found = []
    for place in range(steps):
        share = place / (steps - 1)
        lightness = first + (last - first) * share
        fading = min(1.0, 4.2 * min(1 - lightness, lightness - 0.1))
        found.append(to_hex(from_oklch(lightness, _CHROMA * fading * (0.25 + 0.75 * min(1.0, 3 * share)), hue)))
    return found


def from_oklch(lightness: float, chroma: float, hue: float) -> Rgb:
    """Linear sRGB of an OKLCH colour (Ottosson 2020); what lies outside sRGB is cut off."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    rows = (
        (4.0767416621, -3.3077115913, 0.2309699292),
        (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.7076147010),
    )
    red, green, blue = (min(1.0, max(0.0, r * long + g * medium + s * short)) for r, g, s in rows)
    return red, green, blue


def to_hex(linear: Rgb) -> str:
    coded = (12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in linear)
    return "#" + "".join(f"{round(255 * c):02x}" for c in coded)


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """WCAG's contrast, 1 to 21; text needs 4.5."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def ink_on(colour: str) -> str:
    """Black or white, whichever is read more easily: at least 4.5 on any colour."""
    return max(("#000000", "#ffffff"), key=lambda ink: contrast(ink, colour))


def step_of(share: float, steps: int = STEPS) -> int:
    """The step of a fraction; what lies outside 0..1 takes the nearest end."""
    return round(min(max(share, 0.0), 1.0) * (steps - 1))


def rules(letter: str, colours: Sequence[str]) -> str:
    """Custom properties of one scale: --q0 … and the ink on each, --qi0 …"""
    return "".join(f"--{letter}{i}:{colour};--{letter}i{i}:{ink_on(colour)};" for i, colour in enumerate(colours))
