"""What can be wrong with the texts of a run, found before anything starts and said at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fairseq_xling.errors import ConfigError
from fairseq_xling.files import open_binary
from fairseq_xling.rounds.config import RoundsConfig


def check_texts(config: RoundsConfig) -> None:
    """Raise ConfigError with every text that is missing or empty, or whose lines do not match another's."""
    faults = [*_missing(config), *_empty(config)]
    if not faults:
        faults = [*_ids(config), *_splits(config)]
    if faults:
        raise ConfigError(faults, "config")


def count_lines(path: Path) -> int:
    """Lines of a text; one that the file's end cuts short counts too."""
    count, last = 0, b"\n"
    with open_binary(path) as stream:
        for chunk in iter(lambda: stream.read(1 << 20), b""):
            count, last = count + chunk.count(b"\n"), chunk[-1:]
    return count + (last != b"\n")


def _missing(config: RoundsConfig) -> Iterator[str]:
    missing = [code for code, language in config.languages.items() if language.mono is None]
    if missing:
        yield f"languages: {', '.join(missing)}: `mono` is missing; `sentences` alone is for --dry-run"


def _empty(config: RoundsConfig) -> Iterator[str]:
    for code, language in config.languages.items():
        for role in ("mono", "ids", "dev", "test"):
            path: Path | None = getattr(language, role)
            if path and not _has_byte(path):
                yield f"languages: {code}: `{role}` {path} is empty. There must be at least one line"


def _has_byte(path: Path) -> bool:
    with open_binary(path) as stream:
        return bool(stream.read(1))


def _ids(config: RoundsConfig) -> Iterator[str]:
    """A number for each line of the text; a text without ids is not read."""
    for code, language in config.languages.items():
        if language.ids and language.mono:
            ids, lines = count_lines(language.ids), count_lines(language.mono)
            if ids != lines:
                yield f"languages: {code}: `ids` {language.ids} has {ids} lines, but `mono` has {lines}. One for each"


def _splits(config: RoundsConfig) -> Iterator[str]:
    """Dev and test are multi-parallel: line i means the same in all languages."""
    for split in ("dev", "test"):
        paths = {code: getattr(language, split) for code, language in config.languages.items()}
        counts = {code: count_lines(path) for code, path in paths.items() if path}
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{code} {count}" for code, count in counts.items())
            yield f"languages: the lines of `{split}` must be as many in each, but are: {said}"
