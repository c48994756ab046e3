"""One line for each figure that is judged: printed by a benchmark, gathered by bench.py."""

from __future__ import annotations

from dataclasses import dataclass

MARK = "figure: "
HEADER = "| figure | ours | peer | ratio | floor |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Figure:
    """What is better is larger in `ratio`; a floor of None is not judged."""

    name: str
    ours: str
    peer: str
    ratio: float
    floor: float | None = None

    @property
    def failed(self) -> bool:
        return self.floor is not None and self.ratio < self.floor

    def row(self) -> str:
        floor = "" if self.floor is None else f"{self.floor:g}{' FAILED' if self.failed else ''}"
        return f"| {self.name} | {self.ours} | {self.peer} | {self.ratio:.2f} | {floor} |"


def tell(figures: list[Figure]) -> int:
    """Print them for bench.py; the exit code is 1 where one is below its floor."""
    for figure in figures:
        print(MARK + figure.row(), flush=True)
    return int(any(figure.failed for figure in figures))
