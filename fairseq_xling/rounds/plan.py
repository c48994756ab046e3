"""A plan: every stage of a run in an order in which each finds its inputs; pure, printable, general."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from fairseq_xling.errors import ConfigError
from fairseq_xling.rounds.stages import Command, File, Product, Stage


class Plan:
    """Stages by name; whoever generates one hands them over in any order that names inputs first."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self.stages = tuple(stages)
        self.by_name = {stage.name: stage for stage in stages}
        known = set[str]()
        for stage in stages:
            if stage.name in known:
                raise ConfigError(f"two stages are named {stage.name}", "plan")
            missing = [name for name in stage.needs if name not in known]
            if missing:
                raise ConfigError(f"{stage.name} needs {missing[0]}, which no stage before it makes", "plan")
            known.add(stage.name)

    def __iter__(self) -> Iterator[Stage]:
        return iter(self.stages)

    def __len__(self) -> int:
        return len(self.stages)

    @property
    def files(self) -> list[File]:
        """The user's files that stages read, each once."""
        sources = (source for stage in self.stages for source in stage.inputs.values())
        return list(dict.fromkeys(source for source in sources if isinstance(source, File)))

    @property
    def kinds(self) -> Counter[str]:
        """How many stages there are of each kind, in the order of their first."""
        return Counter(stage.kind for stage in self.stages)

    def records(self) -> list[dict[str, Any]]:
        """Every stage in JSON's types: name, commands, inputs, outputs, resources."""
        return [_record(stage) for stage in self.stages]


def _record(stage: Stage) -> dict[str, Any]:
    asked = stage.resources
    return {
        "name": stage.name,
        "kind": stage.kind,
        "commands": [_line(command) for command in stage.commands],
        "inputs": {name: _place(source) for name, source in stage.inputs.items()},
        "outputs": list(stage.produces),
        "sentences": list(stage.sizes),
        "resources": {"nodes": asked.nodes, "cpus": asked.cpus, "gpus": asked.gpus, "minutes": asked.minutes},
    }


def _line(command: Command) -> str:
    words = " ".join([*command.words, *command.indifferent])
    return f"{words} > {{out}}/{command.stdout}" if command.stdout else words


def _place(source: File | Product) -> str:
    return source.stage if isinstance(source, Product) else str(source.path)
