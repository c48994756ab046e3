"""Named filters of sentences and sentence pairs, written as a chain: `length:1:250,ratio:3,copies,letters,repeats`."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.configs import unknown
from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import to_mbart

Identify = Callable[[str], str]
KeepsLine = Callable[[str], bool]
KeepsPair = Callable[[str, str], bool]

# DAP's data preparation leaves pairs alone in which a side has up to five words: they share names and numbers only.
_WORDS_TO_COMPARE = 6


@dataclass(frozen=True)
class Languages:
    """What the filter `language` compares with; `identify` maps a line to a language code."""

    source: str | None = None
    target: str | None = None
    identify: Identify | None = None


@dataclass(frozen=True)
class Rule:
    """A filter at work: what it keeps, as a line (None: it judges pairs only) and as a pair."""

    line: KeepsLine | None
    pair: KeepsPair


@dataclass(frozen=True)
class Argument:
    """One number of a filter: its name, the range it must lie in, and the value when it is left out."""

    name: str
    least: float
    most: float = float("inf")
    default: float | None = None
    whole: bool = False


@dataclass(frozen=True)
class Kind:
    """A filter that can be named in a chain; `build` makes a fresh rule (`repeats` remembers) from its numbers."""

    help: str
    build: Callable[[list[Any], Languages], Rule]
    arguments: tuple[Argument, ...] = ()


@dataclass
class Filtered:
    """The places kept, ascending, and how many items each filter dropped, by its name in the chain's order."""

    kept: npt.NDArray[np.int64]
    total: int
    dropped: dict[str, int] = field(default_factory=dict)


class FilterChain:
    """Filters in the order in which they were written; an item is counted by the first that drops it."""

    def __init__(self, text: str, languages: Languages = Languages()) -> None:  # noqa: B008 - frozen
        self.text, self._languages = text, languages
        self._steps: list[tuple[str, Kind, list[Any]]] = []
        faults: list[str] = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            try:
                if any(part == name for name, _, _ in self._steps):
                    raise ConfigError(f"filter `{part}` is written twice")
                self._steps.append((part, *_parsed(part)))
                self._steps[-1][1].build(self._steps[-1][2], languages)
            except ConfigError as fault:
                faults.extend(fault.faults)
        if faults:
            raise ConfigError(faults, where=f"filters `{text}`")

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> Filtered:
        """Judge sentence pairs (source, target)."""
        return self._run(pairs, [(name, rule.pair) for name, rule in self._rules()])

    def lines(self, lines: Iterable[str]) -> Filtered:
        """Judge single sentences; filters that need a pair are refused."""
        rules = self._rules()
        faults = [
            f"`{name}` compares the two sides of a pair, but these are single lines"
            for name, rule in rules
            if not rule.line
        ]
        if faults:
            raise ConfigError(faults, where=f"filters `{self.text}`")
        return self._run(((line,) for line in lines), [(name, rule.line) for name, rule in rules if rule.line])

    def _rules(self) -> list[tuple[str, Rule]]:
        return [(name, kind.build(arguments, self._languages)) for name, kind, arguments in self._steps]

    @staticmethod
    def _run(items: Iterable[Sequence[str]], rules: Sequence[tuple[str, Callable[..., bool]]]) -> Filtered:
        kept, total = list[int](), 0
        dropped = dict.fromkeys((name for name, _ in rules), 0)
        for place, item in enumerate(items):
            total += 1
            dropper = next((name for name, keeps in rules if not keeps(*item)), None)
            if dropper is None:
                kept.append(place)
            else:
                dropped[dropper] += 1
        return Filtered(np.array(kept, np.int64), total, dropped)


def filter_help() -> list[tuple[str, str]]:
    """(how it is written, what it does) of every filter, for a command's help."""
    return [
        (":".join([name, *(argument.name.upper() for argument in kind.arguments)]), kind.help)
        for name, kind in KINDS.items()
    ]


def _parsed(part: str) -> tuple[Kind, list[Any]]:
    name, *given = part.split(":")
    if name not in KINDS:
        raise ConfigError(unknown("filter", name, list(KINDS)))
    kind = KINDS[name]
    if len(given) > len(kind.arguments):
        form = ":".join([name, *(argument.name.upper() for argument in kind.arguments)])
        raise ConfigError(f"filter `{part}` has more than the {len(kind.arguments)} numbers of `{form}`")
    values, faults = [], []
    for place, argument in enumerate(kind.arguments):
        text = given[place] if place < len(given) else ""
        try:
            values.append(_number(text, argument))
        except ValueError:
            least, most = f"{argument.least:g}", f"{argument.most:g}"
            span = f"at least {least}" if argument.most == float("inf") else f"from {least} to {most}"
            number = "a whole number" if argument.whole else "a number"
            faults.append(f"filter `{part}`: {argument.name} must be {number} {span}, but is `{text}`")
    if faults:
        raise ConfigError(faults)
    return kind, values


def _number(text: str, argument: Argument) -> float:
    if not text and argument.default is not None:
        return argument.default
    value = int(text) if argument.whole else float(text)
    if not argument.least <= value <= argument.most:
        raise ValueError(text)
    return value


def _on_both(line: KeepsLine) -> Rule:
    return Rule(line, lambda source, target: line(source) and line(target))


def _words(text: str) -> int:
    return len(text.split())


def _between(measure: Callable[[str], int]) -> Callable[[list[Any], Languages], Rule]:
    def build(values: list[Any], languages: Languages) -> Rule:
        least, most = int(values[0]), int(values[1])
        if most < least:
            raise ConfigError(f"a filter's largest length {most} is below its smallest, {least}")
        return _on_both(lambda text: least <= measure(text) <= most)

    return build


def _ratio(measure: Callable[[str], int]) -> Callable[[list[Any], Languages], Rule]:
    def build(values: list[Any], languages: Languages) -> Rule:
        most, floor = float(values[0]), int(values[1])

        def keeps(source: str, target: str) -> bool:
            shorter, longer = sorted((measure(source), measure(target)))
            return longer <= max(most * shorter, floor)

        return Rule(None, keeps)

    return build


def _copies(values: list[Any], languages: Languages) -> Rule:
    share = float(values[0])

    def keeps(source: str, target: str) -> bool:
        source_words, target_words = source.casefold().split(), target.casefold().split()
        if source_words == target_words:
            return False
        if share >= 1 or min(len(source_words), len(target_words)) < _WORDS_TO_COMPARE:
            return True
        return _share_in(source_words, target_words) < share and _share_in(target_words, source_words) < share

    return Rule(None, keeps)


def _share_in(words: list[str], others: list[str]) -> float:
    known = set(others)
    return sum(word in known for word in words) / len(words)


def _letters(values: list[Any], languages: Languages) -> Rule:
    share = float(values[0])

    def keeps(text: str) -> bool:
        marks = [mark for mark in text if not mark.isspace()]
        # A vowel sign or an accent of its own is part of a letter (category M).
        letters = sum(mark.isalpha() or unicodedata.category(mark)[0] == "M" for mark in marks)
        return letters > 0 and letters >= share * len(marks)

    return _on_both(keeps)


def _links(values: list[Any], languages: Languages) -> Rule:
    return _on_both(lambda text: not any(mark in text.lower() for mark in ("@", "http://", "https://", "www.")))


def _missing(values: list[Any], languages: Languages) -> Rule:
    return _on_both(lambda text: "N/A" not in text)


def _shorter(values: list[Any], languages: Languages) -> Rule:
    most = int(values[0])
    return Rule(None, lambda source, target: min(_words(source), _words(target)) <= most)


def _repeats(values: list[Any], languages: Languages) -> Rule:
    seen = set[tuple[str, ...]]()

    def keeps(*item: str) -> bool:
        if item in seen:
            return False
        seen.add(item)
        return True

    return Rule(keeps, keeps)


def _repeated_lines(values: list[Any], languages: Languages) -> Rule:
    seen: tuple[set[str], set[str]] = (set(), set())

    def keeps(*item: str) -> bool:
        if any(text in known for text, known in zip(item, seen, strict=False)):
            return False
        for text, known in zip(item, seen, strict=False):
            known.add(text)
        return True

    return Rule(keeps, keeps)


def _language(values: list[Any], languages: Languages) -> Rule:
    identify, source, target = languages.identify, languages.source, languages.target
    if identify is None or source is None:
        raise ConfigError("filter `language` needs a language identifier and the languages' codes. Give a model for it")

    def is_in(text: str, code: str) -> bool:
        return to_mbart(identify(text)) == to_mbart(code)

    def pair(left: str, right: str) -> bool:
        return target is not None and is_in(left, source) and is_in(right, target)

    return Rule(lambda text: is_in(text, source), pair)


_LENGTHS = (Argument("min", 0, default=1, whole=True), Argument("max", 0, default=250, whole=True))
_CHARACTERS = (Argument("min", 0, default=1, whole=True), Argument("max", 0, default=2000, whole=True))
_RATIO = (Argument("most", 1), Argument("floor", 0, default=0, whole=True))

KINDS: dict[str, Kind] = {
    "length": Kind("both sides have MIN (1) to MAX (250) words", _between(_words), _LENGTHS),
    "characters": Kind("both sides have MIN (1) to MAX (2000) characters", _between(len), _CHARACTERS),
    "ratio": Kind(
        "the longer side has at most MOST times the words of the shorter, or at most FLOOR (0)", _ratio(_words), _RATIO
    ),
    "character-ratio": Kind("the same in characters, for scripts without spaces", _ratio(len), _RATIO),
    "copies": Kind(
        "the sides differ; below SHARE 1 (the default), also drop pairs of more than 5 words a side "
        "where this share of either side's words occurs in the other",
        _copies,
        (Argument("share", 0.01, 1, default=1),),
    ),
    "letters": Kind(
        "both sides have a letter, and letters are at least SHARE (0) of what is not space",
        _letters,
        (Argument("share", 0, 1, default=0),),
    ),
    "links": Kind("no side holds an @ or a web address", _links),
    "missing": Kind("no side holds `N/A`", _missing),
    "shorter": Kind(
        "the shorter side has at most MOST (64) words", _shorter, (Argument("most", 1, default=64, whole=True),)
    ),
    "repeats": Kind("this pair (or single line) did not reach this filter before", _repeats),
    "repeated-lines": Kind("neither side came in a pair (or line) that this filter kept before", _repeated_lines),
    "language": Kind("both sides are in their languages, says the identifier", _language),
}
