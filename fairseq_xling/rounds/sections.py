"""Sections of the configuration that hold a verb's own options: checked by its config class, turned into its words."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairseq_xling.configs import read_config
from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import Pair

# Options that the papers know by a shorter name.
ALIASES = {"k": "mining_k"}


def of_round(values: Any, index: int) -> Any:
    """The value of a round, where each has its own; the last one for all further rounds."""
    if not isinstance(values, list | tuple):
        return values
    return values[min(index, len(values) - 1)]


class Section:
    """Options of one verb, checked by the verb's own config class, as words for its command line."""

    def __init__(self, cls: type[Any], values: Mapping[str, Any]) -> None:
        self._cls, self.values = cls, {ALIASES.get(name, name): value for name, value in values.items()}

    def faults(self) -> list[str]:
        try:
            read_config(self._cls, self.values, "")
        except ConfigError as error:
            return error.faults
        return []

    def words(self, but: Sequence[str] = (), only: Sequence[str] | None = None) -> tuple[str, ...]:
        """`--name value` of every value that is set; None leaves an option at its default."""
        found = list[str]()
        for item in dataclasses.fields(self._cls):
            value = self.values.get(item.name)
            if value is None or value == item.default or item.name in but or (only and item.name not in only):
                continue
            flag = item.metadata.get("flag", "--" + item.name.replace("_", "-"))
            if isinstance(value, bool):
                found.append(flag if value else f"--no-{flag[2:]}")
            else:
                found += [flag, f"{value:.12g}" if isinstance(value, float) else str(value)]
        return tuple(found)


class SectionByRound:
    """A section whose options may be lists: of round 0, 1, …, the last one for the rest."""

    def __init__(self, cls: type[Any], values: Mapping[str, Any]) -> None:
        count = max([1, *(len(value) for value in values.values() if isinstance(value, list))])
        self._rounds = [
            Section(cls, {name: of_round(value, i) for name, value in values.items()}) for i in range(count)
        ]

    def faults(self) -> list[str]:
        return list(dict.fromkeys(fault for section in self._rounds for fault in section.faults()))

    def words(self, round_number: int) -> tuple[str, ...]:
        return self.of_round(round_number).words()

    def of_round(self, round_number: int) -> Section:
        found: Section = of_round(self._rounds, round_number)
        return found


@dataclass(frozen=True)
class MiningSection:
    """How pairs are mined, round by round, and exceptions for single pairs of languages."""

    section: SectionByRound
    per_pair: Mapping[Pair, SectionByRound]
    tiles: int = 1
    """Stages that share the search of a pair of languages."""

    def words(
        self, pair: Pair, round_number: int, but: Sequence[str] = (), only: Sequence[str] | None = None
    ) -> tuple[str, ...]:
        """The options of one mining; `but` some of them, or `only` these."""
        return self.per_pair.get(pair, self.section).of_round(round_number).words(but, only)
