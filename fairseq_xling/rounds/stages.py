"""A stage: commands that name their inputs, so that what a stage is does not depend on where anything lies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairseq_xling.configs import at_least, option
from fairseq_xling.files import stage_key

PROGRAM = "fairseq-xling"
OUT, WORK, USER_DIR = "out", "work", "user-dir"
_NAMED = re.compile(r"\{([^{}\s]+)\}")


@dataclass(frozen=True)
class Resources:
    """What a stage may use; a cluster asks for it, one machine counts its processors."""

    cpus: int | None = option(None, "processors of each node (default: one where a stage gains nothing by more)")
    nodes: int = option(1, "nodes; more than one only for training")
    gpus: int = option(0, "GPUs of each node")
    mem: str | None = option(None, "memory of each node, as SLURM writes it: 60G (default: the cluster's own)")
    minutes: int = option(600, "time limit of one attempt")
    retries: int = option(1, "further attempts after one that failed")
    per_job: int = option(1, "stages of this kind that share a job on a cluster, one after the other")
    at_once: int | None = option(None, "jobs of this kind at the same time (default: as many as there are)")
    partition: str | None = option(None, "the cluster's partition (default: the cluster's own)")

    def faults(self) -> Iterator[str]:
        for name, least in (("cpus", 1), ("nodes", 1), ("gpus", 0), ("minutes", 1), ("retries", 0), ("per_job", 1)):
            yield from at_least(name, getattr(self, name), least, f"`{name}`")
        yield from at_least("at_once", self.at_once, 1, "`at_once`")
        if self.mem is not None and not re.fullmatch(r"\d+[KMGT]?", self.mem):
            yield f"`mem` must be a number with K, M, G or T, as 60G, but is {self.mem!r}"


@dataclass(frozen=True)
class File:
    """A file of the user's."""

    path: Path


@dataclass(frozen=True)
class Product:
    """What another stage publishes."""

    stage: str


@dataclass(frozen=True)
class Command:
    """One process's words; `{name}` stands for an input, `{out}` for the stage's folder, `{work}` for a scratch one.

    `indifferent` words follow the others and decide nothing about the result: threads, processes, devices.
    """

    words: tuple[str, ...]
    stdout: str | None = None
    """File in {out} that takes the results; None: they go to the log."""
    indifferent: tuple[str, ...] = ()

    @property
    def program(self) -> str:
        return self.words[0]

    def rendered(self, places: Mapping[str, str]) -> list[str]:
        return [rendered(word, places) for word in (*self.words, *self.indifferent)]


@dataclass(frozen=True)
class Stage:
    """A folder of the run directory and what makes it."""

    name: str
    """Its place in the run directory: round-01/mine/aa-bb."""
    kind: str
    commands: tuple[Command, ...]
    inputs: Mapping[str, File | Product] = field(default_factory=dict)
    produces: tuple[str, ...] = ()
    """Files that must be in {out} when the commands have ended well."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Small texts that are written into {work} before the commands run."""
    carried: tuple[str, ...] = ()
    """Patterns in {out} whose files a new attempt takes over from one that was cut short."""
    dropped: tuple[str, ...] = ()
    """Folders in {out} that only the attempt itself needs."""
    sizes: tuple[int, ...] = ()
    """Sentences of each text it works through, for the estimate of a dry run."""
    resources: Resources = Resources()

    @property
    def needs(self) -> list[str]:
        """Names of the stages it waits for."""
        return [source.stage for source in self.inputs.values() if isinstance(source, Product)]

    @property
    def round(self) -> int | None:
        found = re.match(r"round-(\d+)/", self.name)
        return int(found[1]) if found else None

    @property
    def decisive(self) -> dict[str, Any]:
        """All that decides the result but the content of the inputs."""
        said = [[list(command.words), command.stdout] for command in self.commands]
        return {"commands": said, "inputs": list(self.inputs), "notes": dict(self.notes)}

    def key(self, hashes: Sequence[str]) -> str:
        """The identity of the work, given the content of the inputs in their order."""
        return stage_key(self.kind, self.decisive, hashes)


def rendered(text: str, places: Mapping[str, str]) -> str:
    """`text` with the names in braces that are in `places` replaced; other braces stay."""
    return _NAMED.sub(lambda found: places.get(found[1], found[0]), text)
