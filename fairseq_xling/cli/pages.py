"""From a run directory and its configuration to its page, for every verb that writes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairseq_xling.errors import ConfigError
from fairseq_xling.files import atomic_write, read_bytes

if TYPE_CHECKING:
    from fairseq_xling.report.reading import Run
    from fairseq_xling.rounds.config import RoundsConfig

REPORT = "report.html"


def write_report(root: Path, config: RoundsConfig) -> Path:
    """R/report.html of a run whose configuration is at hand; returns its place."""
    from fairseq_xling.report.page import run_page

    return write_page(root / REPORT, run_page(open_run(root, config)))


def write_page(place: Path, page: str) -> Path:
    with atomic_write(place) as stream:
        stream.write(page)
    return place


def open_run(root: Path, config: RoundsConfig | None, notes: Sequence[str] = ()) -> Run:
    """The run with the stages it was to have; None where its configuration does not say, which `notes` explain."""
    from fairseq_xling.report.reading import Planned, read_run
    from fairseq_xling.rounds.stacking import plan_of

    planned = [
        Planned(stage.name, stage.kind, stage.resources.nodes, stage.resources.cpus, stage.resources.gpus)
        for stage in (plan_of(config) if config else ())
    ]
    return read_run(root.resolve(), _values(root), planned, notes)


def _values(root: Path) -> Mapping[str, Any]:
    """What config.yaml says, rightly or wrongly: the page shows it in either case."""
    import yaml

    place = root / "config.yaml"
    if not place.is_file():
        return {}
    try:
        values = yaml.safe_load(read_bytes(place))
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{place} is not YAML: {fault}") from fault
    if not isinstance(values, Mapping):
        raise ConfigError(f"{place} must be a mapping of options. Is it a run's config.yaml?")
    return values
