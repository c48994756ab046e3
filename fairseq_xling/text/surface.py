"""Sentence vectors from spelling alone: TF-IDF of character n-grams, the baseline that needs no model."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fairseq_xling.configs import at_least, checked, option
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import (
    MANIFEST,
    Manifest,
    atomic_write,
    finished_directory,
    read_manifest,
    sha256_file,
    write_manifest,
)
from fairseq_xling.signatures import signature
from fairseq_xling.text.ngrams import Ngrams, collect

Float32 = npt.NDArray[np.float32]

_KIND = "surface"
_LINES_AT_ONCE = 4096
_ROWS_AT_ONCE = 1 << 16
_POWER_ITERATIONS = 2
_SPARE_DIRECTIONS = 16


@dataclass(frozen=True)
class SurfaceConfig:
    """Which n-grams count, and how a dense vector is made of them."""

    low: int = option(2, "characters of the shortest n-grams", flag="--shortest-ngram")
    high: int = option(4, "characters of the longest n-grams", flag="--longest-ngram")
    minimum_lines: int = option(1, "leave out n-grams that occur in fewer of the fitted lines")
    svd: int | None = option(None, "dense vectors: their leading directions, this many", metavar="D")
    hashed: int | None = option(None, "dense vectors: every n-gram in one of this many signed buckets", metavar="D")
    seed: int = option(1, "of svd and hashed")

    def faults(self) -> Iterator[str]:
        for name in ("minimum_lines", "svd", "hashed"):
            yield from at_least(name, getattr(self, name), 1)
        if self.svd is not None and self.hashed is not None:
            yield "`svd` and `hashed` are two ways to the same end. Give one of them"


class SurfaceEncoder:
    """A fitted TF-IDF space; a `SentenceEncoder` when fitted with `svd` or `hashed`, sparse otherwise.

    A vector's entries are (1 + ln count) · (ln((1 + lines) / (1 + lines with the n-gram)) + 1), the whole of
    length 1; a line without a known n-gram is a zero row.
    """

    def __init__(self, config: SurfaceConfig, ngrams: Ngrams, directions: Float32 | None = None) -> None:
        self.config, self.ngrams = config, ngrams
        self._idf = np.log((1 + ngrams.lines) / (1 + ngrams.lines_with.astype(np.float64))) + 1
        self._directions = directions
        self._buckets = None if config.hashed is None else _signed_buckets(len(ngrams.keys), config.hashed, config.seed)

    @classmethod
    def fit(
        cls,
        lines: Sequence[str],
        svd: int | None = None,
        hashed: int | None = None,
        config: SurfaceConfig | None = None,
    ) -> SurfaceEncoder:
        """Count n-grams on `lines`, of all languages together; `config` says more than `svd` and `hashed` can."""
        if config is None:
            config = SurfaceConfig(svd=svd, hashed=hashed)
        elif svd is not None or hashed is not None:
            raise ConfigError("svd and hashed belong into the config when one is given", where="surface encoder")
        checked(config, "surface encoder")
        fitted = cls(config, collect(lines, config.low, config.high, config.minimum_lines))
        if config.svd is not None:
            fitted._directions = leading_directions(fitted.encode_sparse(lines), config.svd, config.seed)
        return fitted

    @property
    def dim(self) -> int:
        """Length of a dense vector; of a sparse one where neither svd nor hashed was asked for."""
        return self.config.svd or self.config.hashed or len(self.ngrams.keys)

    @property
    def signature(self) -> str:
        """The kind of vector and a digest of the fitted statistics."""
        digest = hashlib.sha256(self.ngrams.alphabet.tobytes())
        digest.update(self.ngrams.keys.tobytes() + self.ngrams.lines_with.tobytes())
        config = self.config
        dense = f"svd-{config.svd}" if config.svd else f"hashed-{config.hashed}" if config.hashed else None
        return signature(
            encoder=_KIND,
            ngrams=f"{config.low}-{config.high}",
            minimum_lines=config.minimum_lines,
            dense=dense and f"{dense}-seed-{config.seed}",
            fitted=f"{self.ngrams.lines}lines-{digest.hexdigest()[:8]}",
        )

    def encode_sparse(self, lines: Sequence[str]) -> sparse.csr_matrix:
        """[n, n-grams] float32, rows of unit length, column indices sorted."""
        weights = self.ngrams.counts(lines)
        weights.data = (1 + np.log(weights.data)) * self._idf[weights.indices]
        rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
        norms = np.sqrt(np.bincount(rows, weights=weights.data**2, minlength=weights.shape[0]))
        weights.data /= norms[rows]
        return weights.astype(np.float32)

    def encode(self, lines: Sequence[str], language: str | None = None) -> Float32:
        """[n, dim] float32, not of unit length; the language plays no part, spelling is all there is."""
        if self._directions is None and self._buckets is None:
            raise ConfigError(
                f"vectors of all {self.dim} n-grams are too long to be dense. Fit with svd or hashed, or encode_sparse",
                where="surface encoder",
            )
        dense = np.empty((len(lines), self.dim), np.float32)
        for start in range(0, len(lines), _LINES_AT_ONCE):
            block = self.encode_sparse(lines[start : start + _LINES_AT_ONCE])
            rows = dense[start : start + _LINES_AT_ONCE]
            rows[:] = block @ self._directions if self._buckets is None else (block @ self._buckets).toarray()
        return dense

    def save(self, directory: str | os.PathLike[str], inputs: Mapping[str, str] | None = None) -> None:
        """Write the fitted state as a finished directory; `inputs` are the fitted files with their sha256."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "alphabet.npy": self.ngrams.alphabet,
            "ngrams.npy": self.ngrams.keys,
            "lines_with.npy": self.ngrams.lines_with,
        }
        if self._directions is not None:
            arrays["directions.npy"] = self._directions
        with finished_directory(directory) as building:
            for name, array in arrays.items():
                with atomic_write(building / name, "wb") as stream:
                    np.save(stream, array)
            outputs = {name: sha256_file(building / name) for name in arrays}
            counts = {"lines": self.ngrams.lines, "ngrams": len(self.ngrams.keys)}
            write_manifest(building / MANIFEST, Manifest(_KIND, asdict(self.config), inputs or {}, outputs, counts))

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> SurfaceEncoder:
        """Read a saved state back; a foreign, unfinished or damaged directory is the user's error."""
        directory = Path(directory)
        manifest = read_manifest(directory / MANIFEST)
        if manifest.kind != _KIND:
            raise CorpusError(
                f"{directory} holds {manifest.kind}, not a surface encoder. "
                "Name a directory that SurfaceEncoder.save wrote."
            )
        for name, digest in manifest.outputs.items():
            if sha256_file(directory / name) != digest:
                raise CorpusError(
                    f"{directory / name} is not the file that its manifest describes. Fit and save again."
                )
        arrays = {name: np.load(directory / name, mmap_mode="r", allow_pickle=False) for name in manifest.outputs}
        config = SurfaceConfig(**manifest.config)
        ngrams = Ngrams(
            config.low,
            config.high,
            np.array(arrays["alphabet.npy"]),
            np.array(arrays["ngrams.npy"]),
            np.array(arrays["lines_with.npy"]),
            int(manifest.counts["lines"]),
        )
        return cls(config, ngrams, arrays.get("directions.npy"))


def leading_directions(matrix: sparse.csr_matrix, dim: int, seed: int) -> Float32:
    """[columns, dim] orthonormal: the leading right singular vectors of `matrix`, strongest first.

    Randomised subspace iteration (Halko, Martinsson & Tropp 2011, algorithm 4.4), seeded; each vector's largest entry
    is positive, so that the sign is not left to chance.
    """
    most = min(matrix.shape)
    if dim > most:
        raise ConfigError(
            f"`svd` must be at most {most}, the smaller of {matrix.shape[0]} lines and {matrix.shape[1]} n-grams, "
            f"but is {dim}. Lower --svd",
            where="surface encoder",
        )
    matrix = matrix.astype(np.float32)
    transposed = matrix.T.tocsr()
    width = min(dim + _SPARE_DIRECTIONS, most)
    probes = np.random.default_rng(seed).standard_normal((matrix.shape[1], width), np.float32)
    basis = _orthonormal(matrix @ probes)
    for _ in range(_POWER_ITERATIONS):
        basis = _orthonormal(matrix @ _orthonormal(transposed @ basis))
    directions = _orthonormal(transposed @ basis)[:, :dim]
    if directions.shape[1] < dim:
        raise ConfigError(
            f"`svd` must be at most {directions.shape[1]}, the number of independent lines, but is {dim}. Lower --svd",
            where="surface encoder",
        )
    peaks = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
    return np.ascontiguousarray(directions * np.where(peaks < 0, -1, 1), dtype=np.float32)


def _orthonormal(columns: Float32) -> Float32:
    """An orthonormal basis of the columns' span: their left singular vectors, strongest first, float32.

    By the eigenvectors of the Gram matrix, summed in float64: a QR of 10^5 rows takes ten times as long. Directions
    weaker than 10^-6 of the strongest are left out, being rounding.
    """
    gram = np.zeros((columns.shape[1], columns.shape[1]))
    for start in range(0, len(columns), _ROWS_AT_ONCE):
        block = columns[start : start + _ROWS_AT_ONCE].astype(np.float64)
        gram += block.T @ block
    squares, vectors = np.linalg.eigh(gram)
    strong = np.flatnonzero(squares > squares[-1] * 1e-12)[::-1]
    basis: Float32 = columns @ (vectors[:, strong] / np.sqrt(squares[strong])).astype(np.float32)
    return basis


def _signed_buckets(columns: int, dim: int, seed: int) -> sparse.csr_matrix:
    """[columns, dim] with one ±1 a row, so that inner products are kept on average (Weinberger et al. 2009)."""
    # splitmix64 of the column number: the same on every machine and under every NumPy, unlike a generator's stream.
    state = np.arange(columns, dtype=np.uint64) + np.uint64(seed % 2**32) * np.uint64(2**32)
    state = (state + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    signs = np.where(state >> np.uint64(63), 1, -1).astype(np.float32)
    buckets = (state % np.uint64(dim)).astype(np.int64)
    return sparse.csr_matrix((signs, (np.arange(columns), buckets)), shape=(columns, dim))
