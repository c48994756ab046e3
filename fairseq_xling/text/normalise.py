"""Normalisation of sentences: named steps, applied in the order in which they are written."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator

from fairseq_xling.configs import unknown
from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import to_iso, to_mbart
from fairseq_xling.signatures import signature

Step = Callable[[str], str]

DEFAULT_STEPS = "nfc,controls,spaces"

# Byte order mark and noncharacters: not control characters by category, but no text either.
_NO_TEXT = "\ufeff\ufffe\uffff"


class Normaliser:
    """`Normaliser("nfkc,controls,punctuation,spaces", "fur")`: a line in, a line out; a newline never comes in.

    Mined text is carried raw, by line number; normalise what is encoded, trained on or compared.
    """

    def __init__(self, steps: str = DEFAULT_STEPS, language: str | None = None) -> None:
        self.names = [name.strip() for name in steps.split(",") if name.strip()]
        faults = [unknown("normalisation step", name, list(STEPS)) for name in self.names if name not in STEPS]
        faults += [f"step `{name}` is written twice" for name in sorted(set(self.names)) if self.names.count(name) > 1]
        if faults:
            raise ConfigError(faults, where=f"normalisation `{steps}`")
        self.language = language
        self._steps = [STEPS[name][1](language) for name in self.names]

    def __call__(self, line: str) -> str:
        for step in self._steps:
            line = step(line)
        return line

    def lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Line by line; an empty result stays a line, so that line numbers hold."""
        return map(self, lines)

    @property
    def signature(self) -> str:
        """The steps and the versions of the tables behind them."""
        tables = {"unicode": unicodedata.unidata_version}
        if "punctuation" in self.names:
            import sacremoses

            tables["punctuation"] = f"{_moses_language(self.language)}-sacremoses-{sacremoses.__version__}"
        return signature(normalise=self.names or None, **tables)


def step_help() -> list[tuple[str, str]]:
    """(name, what it does) of every step, for a command's help."""
    return [(name, text) for name, (text, _) in STEPS.items()]


def remove_controls(line: str) -> str:
    """A control character that separates words becomes a space, any other goes."""
    # isprintable is false for every character this step is about, and fast.
    return line if line.isprintable() else "".join(map(_without_control, line))


def _without_control(mark: str) -> str:
    if unicodedata.category(mark) == "Cc":
        return " " if mark.isspace() else ""
    return "" if mark in _NO_TEXT else mark


def single_spaces(line: str) -> str:
    """Every run of white space, of any kind, becomes one space; none is left at the ends."""
    return " ".join(line.split())


def moses_punctuation(language: str | None) -> Step:
    """Moses' punctuation rules, by sacremoses: straight quotes, hyphens for dashes, no space before marks."""
    from sacremoses import MosesPunctNormalizer

    normalise: Step = MosesPunctNormalizer(lang=_moses_language(language)).normalize
    return normalise


def _moses_language(language: str | None) -> str:
    """The code by which Moses chooses its few special rules; `none` for a language that it has none for."""
    code = to_iso(to_mbart(language), 2) if language else "none"
    return code if code in ("en", "de", "es", "fr", "cs") else "none"


STEPS: dict[str, tuple[str, Callable[[str | None], Step]]] = {
    "nfc": ("characters composed (Unicode NFC)", lambda _: lambda line: unicodedata.normalize("NFC", line)),
    "nfkc": (
        "also compatibility forms: ligatures, full-width letters",
        lambda _: lambda line: unicodedata.normalize("NFKC", line),
    ),
    "controls": ("no control characters; those that separate words become a space", lambda _: remove_controls),
    "punctuation": ("Moses' punctuation rules of the language", moses_punctuation),
    "spaces": ("single spaces, none at the ends", lambda _: single_spaces),
}
