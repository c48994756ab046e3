"""Character n-grams inside word boundaries, counted with numpy sorts: no Python loop over characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fairseq_xling.configs import at_least
from fairseq_xling.errors import ConfigError, CorpusError

UInt64 = npt.NDArray[np.uint64]
Int64 = npt.NDArray[np.int64]

_SPACE, _NEWLINE = 32, 10
# About 4 million n-grams at 150 characters a line: sorts stay in memory bandwidth, not in swap.
_LINES_AT_ONCE = 8192


@dataclass(frozen=True)
class Ngrams:
    """The n-grams of a corpus, `low` to `high` characters long, each packed into one integer; column i is keys[i].

    A word is what lies between white space, lower-cased, with one space before and one behind; an n-gram never
    reaches across a space into the next word (scikit-learn's `char_wb`).
    """

    low: int
    high: int
    alphabet: npt.NDArray[np.uint32]
    keys: UInt64
    lines_with: Int64
    lines: int

    def counts(self, lines: Sequence[str]) -> sparse.csr_matrix:
        """How often each known n-gram occurs: [n, len(keys)] float64, columns sorted; unknown n-grams are left out."""
        blocks = [self._count_block(block) for block in _blocks(lines)]
        if not blocks:
            return sparse.csr_matrix((0, len(self.keys)), dtype=np.float64)
        return sparse.vstack(blocks, format="csr")

    def _count_block(self, lines: Sequence[str]) -> sparse.csr_matrix:
        width = len(self.keys)
        keys, rows = _windows(lines, self.alphabet, self.low, self.high)
        columns = np.minimum(np.searchsorted(self.keys, keys), max(width - 1, 0))
        known = self.keys[columns] == keys if width else np.zeros(len(keys), bool)
        cells, counts = np.unique(rows[known] * width + columns[known], return_counts=True)
        rows, columns = np.divmod(cells, max(width, 1))
        pointer = np.searchsorted(rows, np.arange(len(lines) + 1))
        return sparse.csr_matrix((counts.astype(np.float64), columns, pointer), shape=(len(lines), width))


def collect(lines: Sequence[str], low: int = 2, high: int = 4, minimum_lines: int = 1) -> Ngrams:
    """Every n-gram that occurs in at least `minimum_lines` of the lines, with the number of lines it occurs in."""
    faults = [*at_least("minimum_lines", minimum_lines, 1)]
    if low not in (2, 3):
        # A one-letter word with its two spaces has three characters: from 4 on, short words would vanish.
        faults.append(f"the shortest n-gram must have 2 or 3 characters, but has {low}")
    if high < low:
        faults.append(f"the longest n-gram must have at least {low} characters, but has {high}")
    if faults:
        raise ConfigError(faults, where="character n-grams")
    if not lines:
        raise CorpusError("character n-grams cannot be counted on no lines at all. Give at least one line of text.")
    alphabet = _alphabet(lines)
    if len(alphabet).bit_length() * high > 64:
        raise ConfigError(
            f"n-grams of {high} characters over an alphabet of {len(alphabet)} characters do not fit 64 bits. "
            f"The longest possible is {64 // len(alphabet).bit_length()}: lower it, or fit on fewer scripts."
        )
    keys: UInt64 = np.empty(0, np.uint64)
    for block in _blocks(lines):
        keys = np.union1d(keys, _windows(block, alphabet, low, high)[0])
    every = Ngrams(low, high, alphabet, keys, np.empty(0, np.int64), len(lines))
    lines_with = np.zeros(len(keys), np.int64)
    for block in _blocks(lines):
        lines_with += np.bincount(every.counts(block).indices, minlength=len(keys))
    often = lines_with >= minimum_lines
    return Ngrams(low, high, alphabet, keys[often], lines_with[often], len(lines))


def _blocks(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(lines), _LINES_AT_ONCE):
        yield lines[start : start + _LINES_AT_ONCE]


def _code_points(lines: Sequence[str]) -> npt.NDArray[np.uint32]:
    """The lower-cased words of every line between single spaces, a newline behind each line."""
    folded = []
    for line in lines:
        words = line.lower().split()
        folded.append(f" {' '.join(words)} \n" if words else "\n")
    return np.frombuffer("".join(folded).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32)


def _alphabet(lines: Sequence[str]) -> npt.NDArray[np.uint32]:
    seen: npt.NDArray[np.uint32] = np.empty(0, np.uint32)
    for block in _blocks(lines):
        seen = np.union1d(seen, _code_points(block))
    return np.setdiff1d(seen, np.array([_NEWLINE], np.uint32))


def _windows(lines: Sequence[str], alphabet: npt.NDArray[np.uint32], low: int, high: int) -> tuple[UInt64, Int64]:
    """(key, line) of every n-gram occurrence; characters outside the alphabet end a window as a newline does.

    A key is the n-gram's character numbers (from 1) side by side in len(alphabet).bit_length() bits each, so that
    n-grams of different length cannot meet: number 0 never occurs.
    """
    points = _code_points(lines)
    line_of = np.cumsum(points == _NEWLINE)
    places = np.minimum(np.searchsorted(alphabet, points), max(len(alphabet) - 1, 0))
    known = alphabet[places] == points if len(alphabet) else np.zeros(len(points), bool)
    numbers = np.where(known, places + 1, 0).astype(np.uint64)
    space = points == _SPACE
    bits = np.uint64(len(alphabet).bit_length())
    keys, valid = numbers, known
    found_keys: list[Any] = []
    found_lines: list[Any] = []
    for n in range(2, high + 1):
        # keys[p] is the window of n characters from p on; its character before the last must not be a space.
        keys = (keys[:-1] << bits) | numbers[n - 1 :]
        valid = valid[:-1] & known[n - 1 :]
        if n > 2:
            valid &= ~space[n - 2 : -1]
        if n >= low:
            found_keys.append(keys[valid])
            found_lines.append(line_of[: len(keys)][valid])
    return np.concatenate(found_keys), np.concatenate(found_lines)
