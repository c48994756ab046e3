"""A search cut into tiles, rows of the source times rows of the target: pure arithmetic, for plans of runs too."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class TileGrid:
    """`rows` x `columns` tiles over `sources` x `targets` sentences, numbered from 0 along the rows.

    All tiles are as large as each other but for one row or column. Where a side has fewer sentences than tiles, some
    tiles have none.
    """

    sources: int
    targets: int
    rows: int
    columns: int

    @classmethod
    def of_number(cls, sources: int, targets: int, number: int) -> TileGrid:
        """So many tiles, as square as their number allows: two short sides are read more quickly than a long one."""
        shapes = [(rows, number // rows) for rows in range(1, number + 1) if number % rows == 0]
        rows, columns = min(shapes, key=lambda shape: -(-sources // shape[0]) + -(-targets // shape[1]))
        return cls(sources, targets, rows, columns)

    @classmethod
    def of_size(cls, sources: int, targets: int, most: int) -> TileGrid:
        """As few tiles as there can be with at most `most` rows of both sides together."""
        half = max(1, most // 2)
        if sources <= half or targets <= half:  # the shorter side whole, the longer one in what is left
            short = min(sources, targets)
            high, wide = (short, most - short) if sources <= targets else (most - short, short)
        else:
            high, wide = half, half
        return cls(sources, targets, -(-sources // max(1, high)), -(-targets // max(1, wide)))

    def __len__(self) -> int:
        return self.rows * self.columns

    def tile(self, number: int) -> tuple[range, range]:
        """The sources and the targets of a tile."""
        row, column = divmod(number, self.columns)
        return _part(self.sources, self.rows, row), _part(self.targets, self.columns, column)

    def by_row(self, numbers: Iterable[int]) -> list[tuple[int, list[int]]]:
        """(row, its tiles among `numbers`) in turn; each row begins at a column far from where those before began.

        So several processes, each in a row of its own, are seldom in one column: what one finds helps the others.
        """
        rows = dict[int, list[int]]()
        for number in numbers:
            rows.setdefault(number // self.columns, []).append(number)
        return [(row, self._from(_spread(row), tiles)) for row, tiles in sorted(rows.items())]

    def _from(self, share: float, tiles: Iterable[int]) -> list[int]:
        """In order from that share of the columns on, then those before."""
        first = int(share * self.columns)
        return sorted(tiles, key=lambda number: (number % self.columns - first) % self.columns)

    def beside(self, number: int) -> list[int]:
        """The other tiles with the same sources or the same targets."""
        row, column = divmod(number, self.columns)
        same_row = {row * self.columns + other for other in range(self.columns)}
        return sorted((same_row | {other * self.columns + column for other in range(self.rows)}) - {number})

    @property
    def largest(self) -> tuple[int, int]:
        """Sources and targets of the largest tile."""
        return math.ceil(self.sources / self.rows), math.ceil(self.targets / self.columns)


def _spread(index: int) -> float:
    """0, 1/2, 1/4, 3/4, 1/8, ...: the bits of `index` behind the point, the lowest first (van der Corput)."""
    return int(f"{index:b}"[::-1], 2) / (1 << index.bit_length())


def _part(count: int, parts: int, index: int) -> range:
    return range(index * count // parts, (index + 1) * count // parts)
