"""Neighbours for scoring: two sides of one test set, dense vectors or sparse surface rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.errors import CorpusError
from fairseq_xling.vectors import Vectors, unit_rows, validate

if TYPE_CHECKING:
    from fairseq_xling.neighbours.kernel import Neighbours

Bool = npt.NDArray[np.bool_]
Int64 = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float32] | Vectors | Any  # Any: scipy.sparse.csr_matrix


@dataclass(frozen=True)
class TestSet:
    """Row i of `source` translates row i of `target`; `texts` are their lines, where they are known."""

    __test__ = False  # pytest, this is not one of yours

    source: Matrix
    target: Matrix
    texts: tuple[Sequence[str], Sequence[str]] | None = None
    languages: tuple[str, str] = ("source", "target")
    split: str = "test"
    encoder: str | None = None

    def __post_init__(self) -> None:
        n, m = self.source.shape[0], self.target.shape[0]
        if n != m:
            raise CorpusError(
                f"a test set needs as many source rows as target rows, but has {n} and {m}. Align the files."
            )
        if n == 0:
            raise CorpusError("a test set needs at least one pair of lines, but has none.")
        if self.texts is not None and {len(side) for side in self.texts} != {n}:
            raise CorpusError(f"{n} vectors a side, but {len(self.texts[0])} and {len(self.texts[1])} lines of text.")

    @property
    def size(self) -> int:
        return int(self.source.shape[0])

    @property
    def pairs(self) -> tuple[str, str]:
        """The two directions' names."""
        source, target = self.languages
        return f"{source}-{target}", f"{target}-{source}"

    def neighbours(self, k: int) -> Neighbours:
        """Both directions' `k` nearest."""
        return two_way(self.source, self.target, k)

    def right(self, answers: Int64, direction: int, textual: bool) -> Bool:
        """Which answers are right: `answers` [n] or [n, k] row numbers on the side searched (0: target, 1: source).

        By index, the row number must be the same; textually, the text found must be the text expected.
        """
        rows = np.arange(self.size).reshape(-1, *[1] * (answers.ndim - 1))
        same: Bool = answers == rows
        if not textual:
            return same
        if self.texts is None:
            raise CorpusError(
                "a textual comparison needs the lines of both sides. Give the texts, or compare by index."
            )
        numbers: dict[str, int] = {}
        kinds = np.array([numbers.setdefault(line, len(numbers)) for line in self.texts[1 - direction]])
        alike: Bool = (answers >= 0) & (kinds[answers] == kinds[rows])
        return alike


def two_way(source: Any, target: Any, k: int) -> Neighbours:
    """The `k` nearest of each row on the other side; the ids of a row that is all zeros, and so has none, are -1.

    Dense vectors with such a row are refused: an encoder gives a direction to every line. Spelling does not.
    """
    if not hasattr(source, "indptr"):
        from fairseq_xling.neighbours.kernel import SearchConfig, search

        validate(source, "source vectors")
        validate(target, "target vectors")
        return search(unit_rows(source), unit_rows(target), SearchConfig(k=k))
    from fairseq_xling.neighbours.sparse import sparse_neighbours

    found = sparse_neighbours(source, target, k)
    found.forward_ids[np.diff(source.indptr) == 0] = -1
    found.backward_ids[np.diff(target.indptr) == 0] = -1
    return found
