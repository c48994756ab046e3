"""What a row of the table of edits is, and what it does to a text."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """One row: exact texts of one module and what replaces them, line for line."""

    name: str
    module: str
    changes: tuple[tuple[str, str], ...]
    why: str
    upstream: str = "none known"
    hazard: str = ""
    """Regular expression for the fault itself; a fairseq without it is left alone. By default the old texts."""

    def state(self, text: str) -> str:
        """ "applies", "already fixed", or what of the row is missing from `text`."""
        hazard = self.hazard or "|".join(re.escape(old) for old, _ in self.changes)
        if re.search(hazard, text) is None:
            return "already fixed"
        for old, _ in self.changes:
            found = text.count(old)
            if found != 1:
                return f"text found {found} times instead of once: {old.strip().splitlines()[0]!r}"
        return "applies"

    def apply(self, text: str) -> str:
        """`text` after the row's changes."""
        for old, new in self.changes:
            text = text.replace(old, new)
        return text


@dataclass(frozen=True)
class EditStatus:
    """A row and what it does to the fairseq that is installed."""

    edit: Edit
    state: str

    @property
    def ok(self) -> bool:
        """False for a row that was disabled or does not fit."""
        return self.state in {"applies", "already fixed"}
