"""The one owner of the order of mining's steps: check, unify, scale, search, score, judge, select."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.configs import checked
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.mining.pairs import Float64, Int64, MinedPairs
from fairseq_xling.mining.quality import Decoys, estimate, find_decoys
from fairseq_xling.mining.select import margins_of, score_candidates, select
from fairseq_xling.neighbours.certify import pair_cosines
from fairseq_xling.neighbours.indexes import AUTO, EXACT, decide, search_by
from fairseq_xling.neighbours.margin import neighbour_means
from fairseq_xling.neighbours.memory import Room, check_limit, held_now
from fairseq_xling.vectors import UnitRows, Vectors, validate

if TYPE_CHECKING:
    from fairseq_xling.neighbours.kernel import Neighbours
    from fairseq_xling.neighbours.outofcore import Tiling

Matrix = Any  # [n, d]: npt.NDArray[np.float32] | Vectors | scipy.sparse.csr_matrix
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Side:
    """One language as it goes into the search: unit rows, and which line each stands for.

    `ids[r]` is the line of row r; `row_of[i]` is the row of line i, -1 where the line takes no part.
    """

    unit: Any
    ids: Int64
    row_of: Int64


def mine_pairs(
    source: Matrix,
    target: Matrix,
    config: MiningConfig = MiningConfig(),  # noqa: B008 - frozen
    texts: tuple[Sequence[str], Sequence[str]] | None = None,
    progress: Progress | None = None,
    tiling: Tiling | None = None,
) -> MinedPairs:
    """Pairs of lines that translate each other: `source` [n, d] and `target` [m, d] of any length, rows by line number.

    Each is an array, opened vectors, or a scipy CSR matrix (surface n-grams). `texts` are needed for `unify` only.
    `progress` is told how many cosines more are done; `tiling` keeps finished parts of the search on disk. Raises
    CorpusError for unusable vectors.
    """
    started = time.perf_counter()
    checked(config)
    in_tiles = tiling is not None or config.memory_limit is not None or config.workers > 1
    if in_tiles:
        _check_room((source.shape, target.shape), config)
    left, right = prepare_sides(source, target, config, texts, in_tiles)
    config = _decided(config, left, right)
    neighbours = find_neighbours(left, right, config, progress, tiling)
    candidates = score_candidates(neighbours, config.margin)
    decoys = [_decoys(side, config) for side in (left, right)] if not config.skip_quality else None
    quality = estimate(candidates, decoys, config.target_precision)
    if config.suggested_cap and quality.suggested_cap is None:
        raise ConfigError("--suggested-cap cannot be used: too few sentences to estimate how many pairs are right")
    pairs = select(candidates, config, quality.suggested_cap if config.suggested_cap else None)
    facts = {
        "sources": len(left.row_of),
        "targets": len(right.row_of),
        "searched_sources": len(left.ids),
        "searched_targets": len(right.ids),
        "pairs": len(pairs),
        "quality": asdict(quality),
        "search": asdict(neighbours.report),
        "seconds": round(time.perf_counter() - started, 3),
    }
    source_ids, target_ids = left.ids[pairs.source_ids], right.ids[pairs.target_ids]
    return replace(pairs, source_ids=source_ids, target_ids=target_ids, signature=config.signature, facts=facts)


def score_pairs(
    source: Matrix,
    target: Matrix,
    ids: tuple[Int64, Int64],
    config: MiningConfig = MiningConfig(),  # noqa: B008 - frozen
    texts: tuple[Sequence[str], Sequence[str]] | None = None,
    progress: Progress | None = None,
) -> Float64:
    """The margin of each given pair of lines, `ids` = (source ids [p], target ids [p]), in the order given."""
    checked(config)
    left, right = prepare_sides(source, target, config, texts)
    config = _decided(config, left, right)
    rows = tuple(
        _rows_of(side, given, name) for side, given, name in ((left, ids[0], "source"), (right, ids[1], "target"))
    )
    neighbours = find_neighbours(left, right, config, progress)
    if _is_sparse(left.unit):
        from fairseq_xling.neighbours.sparse import sparse_pair_cosines

        cosines = sparse_pair_cosines(left.unit, right.unit, rows[0], rows[1])
    else:
        cosines = pair_cosines(left.unit, right.unit, rows[0], rows[1])
    means = neighbour_means(neighbours.forward_cosines)[rows[0]], neighbour_means(neighbours.backward_cosines)[rows[1]]
    return margins_of(cosines, *means, config.margin, lambda place: (int(ids[0][place]), int(ids[1][place])))


def _check_room(shapes: tuple[tuple[int, int], tuple[int, int]], config: MiningConfig) -> None:
    """Refuse an impossible --memory-limit before any work."""
    from fairseq_xling.neighbours.kernel import SearchConfig
    from fairseq_xling.neighbours.outofcore import work_of

    room = Room(config.memory_limit, config.workers)
    check_limit(work_of(shapes, SearchConfig(k=config.mining_k, threads=config.threads), room), room.limit, held_now())


def find_neighbours(
    left: Side,
    right: Side,
    config: MiningConfig,
    progress: Progress | None = None,
    tiling: Tiling | None = None,
    forward_only: bool = False,
) -> Neighbours:
    """Nearest neighbours under the cosine, dense or sparse; in tiles where a side is not in memory.

    Those of both sides, or at least the sources'.
    """
    # Imported here: the searches import torch, which checking the input and --help do not need.
    if _is_sparse(left.unit):
        from fairseq_xling.neighbours.sparse import sparse_neighbours

        return sparse_neighbours(left.unit, right.unit, config.mining_k, config.threads, progress)
    from fairseq_xling.neighbours.kernel import SearchConfig

    settings = SearchConfig(config.mining_k, config.precision, threads=config.threads, forward_only=forward_only)
    if isinstance(right.unit, UnitRows):
        from fairseq_xling.neighbours.outofcore import TiledSearch

        room = Room(config.memory_limit, config.workers)
        return TiledSearch(left.unit, right.unit, settings, room).neighbours(tiling, progress)
    if config.device == "cuda":
        from fairseq_xling.neighbours.cuda import search_cuda

        return search_cuda(left.unit, right.unit, settings, progress)
    return search_by(config.index, left.unit, right.unit, settings, progress)


def _decided(config: MiningConfig, left: Side, right: Side) -> MiningConfig:
    """The same with the index that is meant for these sides; n-grams, and vectors in tiles, are searched exactly."""
    whole = not (_is_sparse(left.unit) or isinstance(right.unit, UnitRows))
    if whole and config.device == "cpu":
        return replace(config, index=decide(config.index, len(left.ids), len(right.ids)))
    if config.device == "cuda" and not whole:
        raise ConfigError("--device cuda is for vectors in memory; n-grams and tiles are searched on the processor")
    if config.index not in (EXACT, AUTO):
        raise ConfigError(f"--index {config.index} is for vectors in memory; n-grams and tiles are searched exactly")
    return replace(config, index=EXACT)


def _decoys(side: Side, config: MiningConfig) -> Decoys:
    def find(some: Any, every: Any, k: int) -> tuple[Int64, npt.NDArray[np.float32]]:
        one = Side(some, side.ids, side.row_of), Side(every, side.ids, side.row_of)
        found = find_neighbours(*one, replace(config, mining_k=k, workers=1, index=EXACT), forward_only=True)
        return found.forward_ids, found.forward_cosines

    return find_decoys(side.unit, config.mining_k, config.margin, find)


def prepare_sides(
    source: Matrix,
    target: Matrix,
    config: MiningConfig,
    texts: tuple[Sequence[str], Sequence[str]] | None,
    in_tiles: bool = False,
) -> tuple[Side, Side]:
    """Check both sides against each other and their texts, merge repeated lines, scale to unit length.

    For a search `in_tiles` rows are read and scaled when they are asked for.
    """
    if source.shape[1] != target.shape[1]:
        raise CorpusError(
            f"source vectors have dimension {source.shape[1]}, target vectors {target.shape[1]}. "
            "Encode both with the same encoder."
        )
    if config.unify and texts is None:
        raise ConfigError("--unify merges repeated lines and so needs the texts. Give --source-text and --target-text")
    if in_tiles and _is_sparse(source):
        raise ConfigError(
            "--memory-limit, --workers and --resume are for vectors, but character n-grams are held in memory. "
            "Leave them out"
        )
    lines = texts or (None, None)
    left, right = (
        _side(matrix, text, name, config, in_tiles)
        for matrix, text, name in ((source, lines[0], "source"), (target, lines[1], "target"))
    )
    return left, right


def _side(matrix: Matrix, text: Sequence[str] | None, name: str, config: MiningConfig, in_tiles: bool) -> Side:
    label = f"{name} vectors" + (f" {matrix.path}" if isinstance(matrix, Vectors) else "")
    sparse = _is_sparse(matrix)
    if sparse:
        if text is not None and len(text) != matrix.shape[0]:
            raise CorpusError(f"{label} has {matrix.shape[0]} rows for {len(text)} lines of text.")
        taking_part = np.diff(matrix.indptr) > 0  # a line without any n-gram has no direction
    else:
        validate(matrix, label, None if text is None else len(text))
        taking_part = np.ones(matrix.shape[0], bool)
    rows, ids, row_of = _merged(taking_part, text if config.unify else None, last=config.compat == "laser")
    if len(ids) == 0:
        raise CorpusError(f"{label}: no line has anything to compare. There must be at least one usable sentence.")
    if sparse:
        return Side(matrix[rows], ids, row_of)
    vectors = matrix if isinstance(matrix, Vectors) else Vectors("array", (matrix,))
    unit = UnitRows(vectors, rows if len(rows) < matrix.shape[0] else None)
    return Side(unit if in_tiles else unit.read(), ids, row_of)


def _merged(taking_part: npt.NDArray[np.bool_], text: Sequence[str] | None, last: bool) -> tuple[Int64, Int64, Int64]:
    """(vector row of each distinct line, its first line number, distinct row of every line or -1).

    LASER's --unify keeps the LAST occurrence's vector under the first one's text; ours keeps the first's.
    """
    lines = np.flatnonzero(taking_part)
    row_of = np.full(len(taking_part), -1, np.int64)
    if text is None:
        row_of[lines] = np.arange(len(lines))
        return lines, lines, row_of
    seen, rows, ids = dict[str, int](), list[int](), list[int]()
    for line in lines.tolist():
        row = seen.setdefault(text[line], len(rows))
        if row == len(rows):
            rows.append(line)
            ids.append(line)
        elif last:
            rows[row] = line
        row_of[line] = row
    return np.array(rows, np.int64), np.array(ids, np.int64), row_of


def _rows_of(side: Side, ids: Int64, name: str) -> Int64:
    wrong = np.flatnonzero((ids < 0) | (ids >= len(side.row_of)))
    if len(wrong):
        count = len(side.row_of)
        raise CorpusError(
            f"pair {wrong[0]} (from 0) names {name} line {ids[wrong[0]]}, but there are {count} lines, numbered from 0."
        )
    rows = side.row_of[ids]
    nothing = np.flatnonzero(rows < 0)
    if len(nothing):
        raise CorpusError(f"{name} line {ids[nothing[0]]} (from 0) holds nothing to compare. Remove that pair.")
    return rows


def _is_sparse(matrix: Any) -> bool:
    return hasattr(matrix, "indptr")
