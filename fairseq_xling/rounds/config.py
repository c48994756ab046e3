"""The configuration of a run: read once, every fault reported at once, paths made absolute."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fairseq_xling.configs import read_config, unknown
from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import Pair, canonical, parse_languages, parse_pair, parse_pairs
from fairseq_xling.rounds.options import (
    EvaluationConfig,
    LanguageConfig,
    StackingConfig,
    StartConfig,
    TrainingConfig,
)
from fairseq_xling.rounds.sections import MiningSection, Section, SectionByRound
from fairseq_xling.rounds.stages import Resources

KINDS = (
    "prepare", "pretrain", "start", "encode", "tiles", "mine", "assemble", "binarise", "train", "align", "evaluate",
)  # fmt: skip
_FILES = ("mono", "ids", "dev", "test")
_START_FILES = ("checkpoint", "spm", "dict")


@dataclass(frozen=True)
class RoundsConfig:
    """A whole run, complete and consistent."""

    languages: Mapping[str, LanguageConfig]
    pairs: tuple[Pair, ...]
    rounds: int
    seed: int
    start: StartConfig
    pieces: Section
    mining: MiningSection
    assembly: Section
    encoding: SectionByRound
    translation: Section
    training: TrainingConfig
    evaluation: EvaluationConfig
    evaluated: tuple[Pair, ...]
    translated: tuple[Pair, ...]
    resources: Mapping[str, Resources]
    values: Mapping[str, Any]
    """The mapping it was read from, with absolute paths."""
    stacking: StackingConfig | None = None
    """Progressive stacking in the place of CRISS's loop; then `start` and `training` say nothing more than it does."""
    bitext: Mapping[str, tuple[Path, Path]] = field(default_factory=dict)
    """Of stacking: both files of each pair of languages as it is written."""

    @property
    def files(self) -> list[Path]:
        """Every file that it names."""
        named = [(language, _FILES) for language in self.languages.values()]
        found = [getattr(part, role) for part, roles in [*named, (self.start, _START_FILES)] for role in roles]
        return [path for path in found if path is not None] + [path for both in self.bitext.values() for path in both]


# Which verb's config class reads each section; handed in, because verbs live above and below, never beside.
Verbs = Mapping[str, type[Any]]
SECTIONS = ("pieces", "mining", "assembly", "encoding", "translation")
_KNOWN = (
    "seed", "languages", "pairs", "rounds", "start", *SECTIONS, "training", "stacking", "evaluation", "resources",
)  # fmt: skip
# What belongs to CRISS's loop alone.
_OF_LOOP = ("rounds", "start", "training", "translation", "assembly")


Absent = Literal["refused", "planned", "ignored"]


def read_rounds(values: Any, base: Path, verbs: Verbs, absent: Absent = "refused") -> RoundsConfig:
    """Check the mapping of a YAML file whose relative paths are meant from `base`; raises with every fault.

    Files that are not there may be refused, or not where a dry run can do without, or not at all.
    """
    if not isinstance(values, Mapping):
        raise ConfigError("must be a mapping of options: `languages: …`, `start: …`", "config")
    reader = _Reader(values, base, verbs, absent)
    config = reader.config()
    if reader.faults or config is None:
        raise ConfigError(reader.faults, "config")
    return config


class _Reader:
    """Collects faults while it reads one section after the other."""

    def __init__(self, values: Mapping[str, Any], base: Path, verbs: Verbs, absent: Absent) -> None:
        self.values, self.base, self.verbs, self.absent = values, base, verbs, absent
        self.faults = [unknown("option", str(name), list(_KNOWN)) for name in values if name not in _KNOWN]

    def config(self) -> RoundsConfig | None:
        languages = self._languages()
        given = self.values.get("languages")
        codes = [str(code) for code in given] if isinstance(given, Mapping) else []  # with the faulty ones
        rounds, seed = self._count("rounds", 3), self._count("seed", 1)
        pairs = self._pairs("pairs", self.values.get("pairs", "all"), codes)
        stacking, bitext = self._stacking(codes) if "stacking" in self.values else (None, {})
        if stacking:
            rounds = len(stacking.layers) + (stacking.align is not None)
        start = StartConfig(miner="surface") if "stacking" in self.values else self._start()
        training = TrainingConfig(stacking.arch) if stacking else self._typed(TrainingConfig, "training")
        evaluation = self._typed(EvaluationConfig, "evaluation")
        evaluated = self._pairs("evaluation: directions", evaluation.directions, codes) if evaluation else ()
        translated = evaluated
        if evaluation and evaluation.translated is not None:
            wanted = self._pairs("evaluation: translated", evaluation.translated, codes)
            translated = tuple(pair for pair in evaluated if pair in wanted)
        if training and training.is_dual:
            translated = ()
        sections = {name: self._section(name) for name in ("pieces", "assembly", "translation")}
        encoding = self._encoding()
        mining = self._mining(pairs, codes)
        resources = self._resources()
        if self.faults or start is None or training is None or evaluation is None or mining is None:
            return None
        return RoundsConfig(
            languages, pairs, rounds, seed, start, sections["pieces"], mining, sections["assembly"],
            encoding, sections["translation"], training, evaluation, evaluated, translated,
            resources, self._absolute(bitext), stacking, bitext,
        )  # fmt: skip

    def _absolute(self, bitext: Mapping[str, tuple[Path, Path]]) -> dict[str, Any]:
        """The values given, with paths that mean the same from anywhere."""
        languages = {str(code): self._paths(values, _FILES) for code, values in self.values["languages"].items()}
        named = {"languages": languages, "start": self._paths(self.values.get("start"), _START_FILES)}
        if bitext:
            listed = {name: [str(path) for path in both] for name, both in bitext.items()}
            named["stacking"] = {**self.values["stacking"], "bitext": listed}
        return {str(name): _as_text(named.get(name, value)) for name, value in self.values.items()}

    def _typed(self, cls: type[Any], name: str, values: Any = None) -> Any:
        try:
            return read_config(cls, self.values.get(name) or {} if values is None else values, name)
        except ConfigError as error:
            self.faults += [f"{name}: {fault}" for fault in error.faults]
            return None

    def _count(self, name: str, default: int) -> int:
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < (1 if name == "rounds" else 0):
            self.faults.append(f"`{name}` must be a whole number from {1 if name == 'rounds' else 0}, but is {value!r}")
            return default
        return value

    def _paths(self, values: Any, names: Sequence[str]) -> Any:
        """The same mapping with absolute paths."""
        if not isinstance(values, Mapping):
            return values
        return {
            name: self._path(value) if name in names and isinstance(value, str) else value
            for name, value in values.items()
        }

    def _path(self, value: str) -> Path:
        """Absolute, with `${NAME}` of the environment and `~` filled in."""
        path = os.path.expanduser(os.path.expandvars(value))
        unset = re.search(r"\$\{?(\w+)", path)
        fault = (
            unset and f"the environment variable {unset[1]} is not set, but paths name it. Set it: export {unset[1]}=…"
        )
        if fault and fault not in self.faults:
            self.faults.append(fault)
        return self.base / path

    def _languages(self) -> dict[str, LanguageConfig]:
        given = self.values.get("languages")
        if not isinstance(given, Mapping) or len(given) < 2:
            self.faults.append("`languages` must name at least two: {fur: {mono: mono.fur}, eng: {mono: mono.eng}}")
            return {}
        found = {}
        try:
            parse_languages(",".join(map(str, given)))
        except ConfigError as error:
            self.faults += error.faults
        for code in given:
            if not isinstance(code, str):
                self.faults.append(f"language {code!r} is not text to YAML, which knows no, on and numbers. Quote it")
            elif code[:1] in ("-", "."):
                self.faults.append(f"language code `{code}` must not begin with a hyphen or a dot")
        for code, values in given.items():
            config = self._typed_language(str(code), self._paths(values, _FILES))
            if config:
                found[str(code)] = config
        return found

    def _typed_language(self, code: str, values: Any) -> LanguageConfig | None:
        name = f"languages: {code}"
        config: LanguageConfig | None = self._typed(LanguageConfig, name, values)
        self._exist(name, config, _FILES, bool(config and config.sentences))
        return config

    def _exist(self, name: str, config: Any, roles: Sequence[str], dispensable: bool) -> None:
        if config is None or self.absent == "ignored" or (self.absent == "planned" and dispensable):
            return
        for role in roles:
            path = getattr(config, role)
            if path is not None and "$" not in str(path) and not path.is_file():
                self.faults.append(f"{name}: `{role}` {path} does not exist. Check the path")

    def _pairs(self, name: str, value: Any, codes: list[str]) -> tuple[Pair, ...]:
        if isinstance(value, Mapping) and list(value) == ["pivots"] and isinstance(value["pivots"], list):
            value = "pivots:" + ",".join(map(str, value["pivots"]))
        elif isinstance(value, list):
            value = ",".join(map(str, value))
        if not isinstance(value, str):
            self.faults.append(f"`{name}` must be all, {{pivots: [xx]}} or a list [xx-yy, …], but is {value!r}")
            return ()
        if len(codes) < 2:
            return ()
        try:
            return tuple(parse_pairs(value, codes))
        except ConfigError as error:
            self.faults += [f"`{name}`: {fault}" for fault in error.faults]
            return ()

    def _start(self) -> StartConfig | None:
        given = self.values.get("start")
        if given is None:
            self.faults.append("`start` is missing: {checkpoint: C, spm: M, dict: D}, {pretrain: {…}} or surface")
            return None
        if given == "surface":
            given = {"miner": "surface"}
        if isinstance(given, Mapping) and given.get("pretrain", 0) is None:
            given = {**given, "pretrain": {}}
        config: StartConfig | None = self._typed(StartConfig, "start", self._paths(given, _START_FILES))
        self._exist("start", config, _START_FILES, dispensable=True)
        return config

    def _stacking(self, codes: list[str]) -> tuple[StackingConfig | None, dict[str, tuple[Path, Path]]]:
        """The section with the files it names; what belongs to the loop alone is refused beside it."""
        beside = [name for name in _OF_LOOP if name in self.values]
        if beside:
            self.faults.append(f"`{'`, `'.join(beside)}` belong to CRISS's loop, not to `stacking`. Leave them out")
        config: StackingConfig | None = self._typed(StackingConfig, "stacking")
        bitext = dict[str, tuple[Path, Path]]()
        for name, files in (config.bitext if config else {}).items():
            try:
                parse_pair(name, codes)
            except ConfigError as error:
                self.faults += [f"stacking: bitext: {fault}" for fault in error.faults]
            paths = [self._path(text) for text in files]
            if self.absent == "refused":
                absent = [path for path in paths if "$" not in str(path) and not path.is_file()]
                self.faults += [f"stacking: bitext: {path} does not exist. Check the path" for path in absent]
            bitext[name] = (paths[0], paths[1])
        return config, bitext

    def _mapping(self, name: str) -> Mapping[str, Any]:
        values = self.values.get(name) or {}
        if not isinstance(values, Mapping):
            self.faults.append(f"`{name}` must be a mapping of options, but is {values!r}")
            return {}
        return values

    def _encoding(self) -> SectionByRound:
        """A layer is a number or `last`; YAML reads the number as one, the verb as text."""
        values = dict(self._mapping("encoding"))
        layer = values.get("layer")
        if layer is not None:
            values["layer"] = [str(item) for item in layer] if isinstance(layer, list) else str(layer)
        return self._by_round("encoding", values)

    def _section(self, name: str) -> Section:
        values = self._mapping(name)
        section = Section(self.verbs[name], values)
        self.faults += [f"{name}: {fault}" for fault in section.faults()]
        return section

    def _mining(self, pairs: Sequence[Pair], codes: list[str]) -> MiningSection | None:
        values = self.values.get("mining") or {}
        if not isinstance(values, Mapping):
            self.faults.append(f"`mining` must be a mapping of options, but is {values!r}")
            return None
        values = dict(values)
        per_pair, tiles = values.pop("per_pair", None) or {}, values.pop("tiles", 1)
        if isinstance(tiles, bool) or not isinstance(tiles, int) or tiles < 1:
            self.faults.append(f"mining: `tiles` must be a whole number from 1, but is {tiles!r}")
            tiles = 1
        if tiles > 1 and values.get("workers", 1) != 1:
            self.faults.append("mining: `tiles` and `workers` exclude each other. Give one")
        section = self._by_round("mining", values)
        return MiningSection(section, self._exceptions(per_pair, values, pairs, codes), tiles)

    def _by_round(self, name: str, values: Mapping[str, Any]) -> SectionByRound:
        """A section whose values may be lists; `name` is of the section and perhaps of a part of it."""
        empty = [option for option, value in values.items() if value == []]
        self.faults += [f"{name}: `{option}` must not be an empty list" for option in empty]
        verb = self.verbs[name.partition(":")[0]]
        section = SectionByRound(verb, {option: value for option, value in values.items() if option not in empty})
        self.faults += [f"{name}: {fault}" for fault in section.faults()]
        return section

    def _exceptions(
        self, given: Any, values: Any, pairs: Sequence[Pair], codes: list[str]
    ) -> dict[Pair, SectionByRound]:
        if not isinstance(given, Mapping):
            self.faults.append(f"mining: `per_pair` must be a mapping {{xx-yy: {{threshold: 1.04}}}}, but is {given!r}")
            return {}
        found: dict[Pair, SectionByRound] = {}
        for name, options in given.items():
            try:
                pair = canonical([parse_pair(str(name), codes)], codes)[0]
            except ConfigError as error:
                self.faults += [f"mining: per_pair: {fault}" for fault in error.faults]
                continue
            if pairs and pair not in pairs:
                self.faults.append(f"mining: per_pair: {name} is not among the pairs of this run")
            elif not isinstance(options, Mapping):
                self.faults.append(f"mining: per_pair: {name} must be a mapping of options, but is {options!r}")
            else:
                found[pair] = self._by_round(f"mining: per_pair: {name}", {**values, **options})
        return found

    def _resources(self) -> dict[str, Resources]:
        given = self.values.get("resources") or {}
        if not isinstance(given, Mapping):
            self.faults.append(f"`resources` must be a mapping {{train: {{cpus: 8}}}}, but is {given!r}")
            return {}
        self.faults += [unknown("kind of stage", str(kind), list(KINDS)) for kind in given if kind not in KINDS]
        read = {kind: self._typed(Resources, f"resources: {kind}", given.get(kind) or {}) for kind in KINDS}
        for kind, found in read.items():
            if found and found.nodes > 1 and kind not in ("train", "pretrain", "align"):
                self.faults.append(
                    f"resources: {kind}: only train, pretrain and align run on several nodes. Set `nodes: 1`"
                )
        return {kind: found for kind, found in read.items() if found}


def _as_text(value: Any) -> Any:
    """Paths as text, all the way down."""
    if isinstance(value, Mapping):
        return {str(name): _as_text(item) for name, item in value.items()}
    return str(value) if isinstance(value, Path) else value
