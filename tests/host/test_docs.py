"""docs/host.md shows the table of edits as it is."""

from __future__ import annotations

from pathlib import Path

from fairseq_xling_host.edits import EDITS

ISSUES = "https://github.com/facebookresearch/fairseq/issues/"


def table_lines() -> list[str]:
    """The table as docs/host.md must have it; one line a row."""
    lines = ["| edit | module | why | upstream |", "|---|---|---|---|"]
    for row in EDITS:
        numbers = [part.strip() for part in row.upstream.split(",")]
        links = ", ".join(f"[{number}]({ISSUES}{number[1:]})" if number[0] == "#" else number for number in numbers)
        lines.append(f"| `{row.name}` | `{row.module}` | {row.why} | {links} |")
    return lines


def test_the_document_shows_the_table(root: Path) -> None:
    found = (root / "docs" / "host.md").read_text(encoding="utf-8").split("\n")
    assert [line for line in found if line.startswith("|") and line.count("|") == 5] == table_lines()
