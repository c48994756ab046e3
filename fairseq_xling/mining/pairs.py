"""Mined pairs as arrays that stay in step, and their file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import atomic_write, iterate_lines

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Lines = Sequence[str] | None
_PART = 1 << 17
DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class MinedPairs:
    """`scores` [p] float64, `source_ids` and `target_ids` [p] int64, best first; ids are 0-based line numbers.

    `directions` (0 forward, 1 backward) and `ranks` (0 = that sentence's best) are there with retrieval `all` only.
    `facts` holds what mining learnt on the way: counts, the quality estimate, the search's report.
    """

    scores: Float64
    source_ids: Int64
    target_ids: Int64
    directions: npt.NDArray[np.int8] | None = None
    ranks: Int64 | None = None
    signature: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, where: npt.NDArray[Any] | slice) -> MinedPairs:
        """The pairs at these places (indices, a mask or a slice), in that order."""
        return replace(
            self,
            scores=self.scores[where],
            source_ids=self.source_ids[where],
            target_ids=self.target_ids[where],
            directions=None if self.directions is None else self.directions[where],
            ranks=None if self.ranks is None else self.ranks[where],
        )

    def write(self, path: str | os.PathLike[str], source_text: Lines = None, target_text: Lines = None) -> None:
        """`score TAB source TAB target`, ids or the raw lines; retrieval `all` adds direction and rank."""
        with atomic_write(path) as stream:
            self.write_to(stream, source_text, target_text)

    def write_to(self, stream: IO[str], source_text: Lines = None, target_text: Lines = None) -> None:
        """The same into an open stream."""
        texts = source_text is not None and target_text is not None
        for place, (score, source, target) in enumerate(self._numbers()):
            left, right = (source_text[source], target_text[target]) if texts else (source, target)  # type: ignore[index]
            extra = ""
            if self.directions is not None and self.ranks is not None:
                extra = f"\t{DIRECTIONS[self.directions[place]]}\t{self.ranks[place]}"
            stream.write(f"{score:.7f}\t{left}\t{right}{extra}\n")

    def _numbers(self) -> Iterator[tuple[float, int, int]]:
        """(score, source, target) as Python's numbers, which take five times the memory of the arrays: by and by."""
        for first in range(0, len(self), _PART):
            part = slice(first, first + _PART)
            yield from zip(
                self.scores[part].tolist(), self.source_ids[part].tolist(), self.target_ids[part].tolist(), strict=True
            )


def canonical_order(scores: Float64, source_ids: Int64, target_ids: Int64) -> npt.NDArray[np.intp]:
    """Places sorted by falling score, then source id, then target id: the house's total order."""
    return np.lexsort((target_ids, source_ids, -scores))


def read_pairs(path: str | os.PathLike[str]) -> MinedPairs:
    """Read a file of ids that `mine` wrote; one of texts, or a broken line, is named."""
    scores, source_ids, target_ids = list[float](), list[int](), list[int]()
    directions, ranks = list[int](), list[int]()
    for number, line in enumerate(iterate_lines(path), start=1):
        parts = line.split("\t")
        try:
            if len(parts) not in (3, 5):
                raise ValueError(f"{len(parts)} columns")
            scores.append(float(parts[0]))
            source_ids.append(_id(parts[1]))
            target_ids.append(_id(parts[2]))
            if len(parts) == 5:
                directions.append(DIRECTIONS.index(parts[3]))
                ranks.append(int(parts[4]))
        except ValueError as fault:
            raise CorpusError(
                f"{path}:{number}: not `score TAB source id TAB target id` ({fault}). "
                "Name a file that mine wrote without --source-text and --target-text."
            ) from fault
    if directions and len(directions) != len(scores):
        raise CorpusError(f"{path}: some lines have a direction and a rank and some have not. Mine again.")
    return MinedPairs(
        np.array(scores, np.float64),
        np.array(source_ids, np.int64),
        np.array(target_ids, np.int64),
        np.array(directions, np.int8) if directions else None,
        np.array(ranks, np.int64) if directions else None,
    )


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is not a line number")
    return int(text)


def refuse_tabs(path: str | os.PathLike[str], lines: Sequence[str], ids: Int64 | None = None) -> None:
    """A TAB inside a sentence that a TSV is to hold is the user's error, with file and line."""
    for i in range(len(lines)) if ids is None else np.unique(ids).tolist():
        if "\t" in lines[i]:
            raise CorpusError(f"{path}:{i + 1}: the sentence holds a TAB, which a TSV cannot carry. Use a space.")
