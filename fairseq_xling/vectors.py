"""Sentence vectors on disk: row i belongs to line i; .npy files, shard directories and LASER's raw format."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import MANIFEST, Manifest, atomic_write, read_manifest, sha256_file, write_manifest

Float32 = npt.NDArray[np.float32]
_BLOCK_ROWS = 8192
_SCALED_ROWS = 2048


@dataclass(frozen=True)
class Vectors:
    """An [n, dim] matrix in one or several memory-mapped shards; nothing is read before it is asked for."""

    path: str
    shards: tuple[npt.NDArray[np.floating[Any]], ...]

    @property
    def rows(self) -> int:
        return sum(len(shard) for shard in self.shards)

    @property
    def dim(self) -> int:
        return int(self.shards[0].shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.dim

    def read(self, start: int = 0, stop: int | None = None) -> Float32:
        """Rows start..stop-1 as a new float32 array in row order; a value beyond float32 becomes infinite."""
        stop = self.rows if stop is None else min(stop, self.rows)
        found = np.empty((max(stop - start, 0), self.dim), np.float32)
        first = 0
        for shard in self.shards:
            low, high = max(start, first), min(stop, first + len(shard))
            if low < high:
                with np.errstate(over="ignore"):
                    found[low - start : high - start] = shard[low - first : high - first]
                _let_go(shard)
            first += len(shard)
        return found

    def take(self, rows: npt.NDArray[np.int64]) -> Float32:
        """These rows in this order as a new float32 array."""
        found, first = np.empty((len(rows), self.dim), np.float32), 0
        for shard in self.shards:
            here = np.flatnonzero((rows >= first) & (rows < first + len(shard)))
            with np.errstate(over="ignore"):
                found[here] = shard[rows[here] - first]
            _let_go(shard)
            first += len(shard)
        return found

    def blocks(self, rows: int = _BLOCK_ROWS) -> Iterator[tuple[int, Float32]]:
        """(first row, rows) pieces in order."""
        for start in range(0, self.rows, rows):
            yield start, self.read(start, start + rows)


def _let_go(shard: npt.NDArray[np.floating[Any]]) -> None:
    """Take what was read of a memory map out of this process's memory; the system's cache of the file stays.

    Clusters that limit a job's resident memory count maps, too.
    """
    base: Any = shard.base
    if isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)


def open_vectors(path: str | os.PathLike[str], dim: int | None = None) -> Vectors:
    """A .npy file, a directory of shards, or raw little-endian float32 with `dim` (LASER's format)."""
    path = Path(path)
    if not path.exists():
        raise CorpusError(f"{path} does not exist. Check the path.")
    if not path.is_dir() and path.suffix != ".npy":
        if dim is None:
            raise CorpusError(f"{path} is neither .npy nor a vector directory. For raw float32 vectors give --dim.")
        return Vectors(str(path), (_open_raw(path, dim),))
    vectors = _open_directory(path) if path.is_dir() else Vectors(str(path), (_open_npy(path),))
    if dim is not None and vectors.dim != dim:
        raise CorpusError(f"{path} has vectors of dimension {vectors.dim}, but --dim is {dim}. Leave --dim out.")
    return vectors


def _open_npy(path: Path) -> npt.NDArray[np.floating[Any]]:
    try:
        array = np.lib.format.open_memmap(path, mode="r")  # unlike numpy.load, never a pickle or an .npz
    except (ValueError, EOFError) as fault:
        raise CorpusError(f"{path} is not a complete .npy file ({fault}). Write it again with numpy.save.") from fault
    if array.ndim != 2:
        raise CorpusError(f"{path} must hold a matrix [rows, dim], but is {array.shape}. Save one row a line.")
    if not np.issubdtype(array.dtype, np.floating):
        raise CorpusError(f"{path} must hold floating-point numbers, but holds {array.dtype}. Save float32 vectors.")
    if array.shape[1] == 0:
        raise CorpusError(f"{path} has vectors of dimension 0. Encode the text again.")
    return array


def _open_raw(path: Path, dim: int) -> npt.NDArray[np.floating[Any]]:
    if dim < 1:
        raise CorpusError(f"--dim must be at least 1, but is {dim}. Give the length of one vector.")
    size = path.stat().st_size
    if size % (4 * dim):
        raise CorpusError(
            f"{path} has {size} bytes, which is not a whole number of float32 vectors of dimension {dim}. "
            "The file is truncated or --dim is wrong."
        )
    if size == 0:
        return np.empty((0, dim), np.float32)
    return np.memmap(path, dtype="<f4", mode="r", shape=(size // (4 * dim), dim))


def _open_directory(path: Path) -> Vectors:
    if not (path / MANIFEST).is_file():
        raise CorpusError(f"{path} has no {MANIFEST}: its encoding did not finish, or it is foreign. Run encode again.")
    manifest = read_manifest(path / MANIFEST)
    if manifest.kind != "vectors":
        raise CorpusError(f"{path} holds {manifest.kind}, not vectors. Name a directory that encode wrote.")
    vectors = _open_shards(path, list(manifest.outputs))
    if vectors.rows != manifest.counts.get("rows"):
        said = manifest.counts.get("rows")
        raise CorpusError(f"{path} has {vectors.rows} rows, but its {MANIFEST} says {said}. Run encode again.")
    return vectors


def _open_shards(path: Path, names: Sequence[str]) -> Vectors:
    missing = [name for name in names if not (path / name).is_file()]
    if missing or not names:
        raise CorpusError(f"{path} lacks its shard {missing[0] if missing else 'number 0'}. Run encode again.")
    shards = tuple(_open_npy(path / name) for name in names)
    dims = sorted({int(shard.shape[1]) for shard in shards})
    if len(dims) > 1:
        raise CorpusError(f"{path} has shards of different dimension ({dims}). Encode into an empty directory.")
    return Vectors(str(path), shards)


def validate(vectors: Vectors | Float32, name: str, lines: int | None = None) -> None:
    """Refuse an empty matrix, a row count other than `lines`, a value that is not finite and a zero row, named."""
    if isinstance(vectors, np.ndarray):
        if vectors.ndim != 2:
            raise CorpusError(f"{name} must be a matrix [rows, dim], but has shape {vectors.shape}.")
        vectors = Vectors(name, (vectors,))
    if lines is not None and vectors.rows != lines:
        raise CorpusError(f"{name} has {vectors.rows} vectors for {lines} lines of text. Encode that very text again.")
    if vectors.rows == 0:
        raise CorpusError(f"{name} has no rows. There must be at least one sentence on each side.")
    for start, block in vectors.blocks():
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.einsum("ij,ij->i", block, block, dtype=np.float64)
        # The sum of squares is not finite exactly where a value is not, since float32 squares fit float64.
        bad = np.flatnonzero(~np.isfinite(squares))
        if len(bad):
            raise CorpusError(f"{name}: row {start + bad[0]} (from 0) holds a NaN or infinite value. Encode it again.")
        zero = np.flatnonzero(squares == 0)
        if len(zero):
            raise CorpusError(f"{name}: row {start + zero[0]} (from 0) is all zeros. Remove or mend that line.")


@dataclass(frozen=True)
class UnitRows:
    """Rows of length 1 [n, dim] float32, read and scaled when they are asked for, whatever their number.

    Row i is row `rows[i]` of the vectors, or row i. Norms are summed in float64, row by row: how many rows are read at
    once changes no bit.
    """

    vectors: Vectors
    rows: npt.NDArray[np.int64] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return (self.vectors.rows if self.rows is None else len(self.rows)), self.vectors.dim

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, start: int = 0, stop: int | None = None) -> Float32:
        """Rows start..stop-1, new."""
        return self._scaled(range(start, len(self) if stop is None else min(stop, len(self))))

    def __getitem__(self, ids: npt.NDArray[np.int64]) -> Float32:
        """These rows in this order, new."""
        return self._scaled(np.asarray(ids))

    def _scaled(self, ids: range | npt.NDArray[np.int64]) -> Float32:
        unit = np.empty((len(ids), self.vectors.dim), np.float32)
        for start in range(0, len(ids), _SCALED_ROWS):
            some = ids[start : start + _SCALED_ROWS]
            rows = some if self.rows is None else self.rows[np.asarray(some)]
            block = self.vectors.read(rows.start, rows.stop) if isinstance(rows, range) else self.vectors.take(rows)
            norms = np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64))
            if not norms.all():
                row = int(rows[int(np.argmin(norms))])
                raise CorpusError(f"{self.vectors.path}: row {row} (from 0) is all zeros. Remove or mend that line.")
            np.divide(block, norms[:, None], out=unit[start : start + len(block)], casting="same_kind")
        return unit


def unit_rows(vectors: Vectors | Float32) -> Float32:
    """All rows of a matrix, scaled to length 1: [n, dim] float32, new."""
    return UnitRows(Vectors("array", (vectors,)) if isinstance(vectors, np.ndarray) else vectors).read()


class VectorWriter:
    """Write shards of at most `shard_rows` rows into a directory, each at once, and the manifest last.

    A shard that is already there is kept when its rows are not written again (`finished_rows` says how far an
    interrupted writer came), so encoding resumes by shard. The first shard that is written unfinishes the directory.
    """

    def __init__(self, directory: str | os.PathLike[str], shard_rows: int = 100_000) -> None:
        if shard_rows < 1:
            raise CorpusError(f"--shard-size must be at least 1, but is {shard_rows}.")
        self.directory, self.shard_rows = Path(directory), shard_rows
        self.directory.mkdir(parents=True, exist_ok=True)

    def shard_path(self, index: int) -> Path:
        return self.directory / f"shard-{index:05d}.npy"

    def finished_rows(self) -> int:
        """Rows in the unbroken run of full shards from the first."""
        index = 0
        while self.shard_path(index).is_file() and len(_open_npy(self.shard_path(index))) == self.shard_rows:
            index += 1
        return index * self.shard_rows

    def write_shard(self, index: int, rows: Float32) -> None:
        """Rows index * shard_rows and on, at most `shard_rows` of them."""
        if rows.ndim != 2 or len(rows) > self.shard_rows:
            raise ValueError(f"a shard is a matrix of at most {self.shard_rows} rows, but this is {rows.shape}")
        (self.directory / MANIFEST).unlink(missing_ok=True)
        with atomic_write(self.shard_path(index), "wb") as stream:
            np.save(stream, np.ascontiguousarray(rows, dtype=np.float32))

    def finish(self, config: Mapping[str, Any], inputs: Mapping[str, str], rows: int, seconds: float = 0.0) -> Manifest:
        """Check that `rows` rows are there, drop shards beyond them, write the manifest."""
        names = [self.shard_path(i).name for i in range(max(1, -(-rows // self.shard_rows)))]
        found = _open_shards(self.directory, names).rows
        if found != rows:
            raise CorpusError(f"{self.directory} holds {found} rows instead of {rows}. Encode again without --resume.")
        for stale in set(self.directory.glob("shard-*.npy")) - {self.directory / name for name in names}:
            stale.unlink()
        outputs = {name: sha256_file(self.directory / name) for name in names}
        manifest = Manifest("vectors", config, inputs, outputs, {"rows": rows}, seconds)
        write_manifest(self.directory / MANIFEST, manifest)
        return manifest

    def write_all(self, rows: Float32, config: Mapping[str, Any], inputs: Mapping[str, str]) -> Manifest:
        """Write a whole matrix at once, shard by shard."""
        for index, start in enumerate(range(0, max(1, len(rows)), self.shard_rows)):
            self.write_shard(index, rows[start : start + self.shard_rows])
        return self.finish(config, inputs, len(rows))


__all__ = ("Float32", "UnitRows", "VectorWriter", "Vectors", "open_vectors", "unit_rows", "validate")
