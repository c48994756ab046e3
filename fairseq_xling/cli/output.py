"""The only place that prints: results on stdout, words for the person and progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from fairseq_xling.files import json_value


def emit(text: str) -> None:
    """A result: stdout."""
    sys.stdout.write(text + "\n")


def emit_json(value: Any) -> None:
    """A result for a program: one JSON object on stdout."""
    sys.stdout.write(json.dumps(json_value(value), ensure_ascii=False) + "\n")


def note(text: str) -> None:
    """A word for the person who waits: stderr."""
    sys.stderr.write(text + "\n")


def table(rows: Iterable[Sequence[object]], header: Sequence[str]) -> str:
    """Columns aligned with spaces, numbers to the right."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    numeric = [all(_is_number(row[i]) for row in cells[1:]) and len(cells) > 1 for i in range(len(header))]
    lines = []
    for row in cells:
        parts = [c.rjust(w) if right else c.ljust(w) for c, w, right in zip(row, widths, numeric, strict=True)]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "", 1).replace("%", "", 1).isdigit()


def progress(total: float, unit: str, description: str) -> Any:
    """A tqdm bar on stderr with rate and ETA; silent where stderr is not a terminal."""
    from tqdm import tqdm

    return tqdm(
        total=total, unit=unit, desc=description, unit_scale=True, disable=not sys.stderr.isatty(), file=sys.stderr,
        dynamic_ncols=True,
    )  # fmt: skip
