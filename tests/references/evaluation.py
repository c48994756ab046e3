"""The scores' definitions as loops over float64 cosines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.floating[Any]]


def cosines(source: Matrix, target: Matrix) -> npt.NDArray[np.float64]:
    """[n, m] in float64."""
    left, right = (side / np.linalg.norm(side.astype(np.float64), axis=1, keepdims=True) for side in (source, target))
    return left @ right.T


def sparse_cosines(source: Any, target: Any) -> npt.NDArray[np.float64]:
    """[n, m] of unit sparse rows, entry by entry."""
    held: dict[int, list[tuple[int, float]]] = {}
    for j in range(target.shape[0]):
        start, end = target.indptr[j], target.indptr[j + 1]
        for column, value in zip(target.indices[start:end].tolist(), target.data[start:end].tolist(), strict=True):
            held.setdefault(column, []).append((j, value))
    table = []
    for i in range(source.shape[0]):
        row, start, end = [0.0] * target.shape[0], source.indptr[i], source.indptr[i + 1]
        for column, value in zip(source.indices[start:end].tolist(), source.data[start:end].tolist(), strict=True):
            for j, other in held.get(column, ()):
                row[j] += value * other
        table.append(row)
    return np.array(table)


def accuracy(table: npt.NDArray[np.float64], lines: Sequence[str], at: int = 1) -> tuple[int, int]:
    """(right by index, right by text) of rows that search columns; `lines` belong to the columns."""
    by_index = by_text = 0
    for i, row in enumerate(table):
        nearest = sorted(range(len(row)), key=lambda j: (-row[j], j))[:at]
        by_index += i in nearest
        by_text += any(lines[j] == lines[i] for j in nearest)
    return by_index, by_text


def xsim_errors(table: npt.NDArray[np.float64], lines: Sequence[str], margin: str, k: int = 4) -> tuple[int, int]:
    """(index errors, textual errors) of rows that search columns."""
    row_means = [np.mean(sorted(row)[-k:]) for row in table]
    column_means = [np.mean(sorted(column)[-k:]) for column in table.T]
    by_index = by_text = 0
    for i, row in enumerate(table):
        nearest = sorted(range(len(row)), key=lambda j: (-row[j], j))[:k]

        def score(j: int, i: int = i, row: npt.NDArray[np.float64] = row) -> float:
            around = (row_means[i] + column_means[j]) / 2
            return float({"ratio": row[j] / around, "distance": row[j] - around, "absolute": row[j]}[margin])

        best = max(nearest, key=score)
        by_index += best != i
        by_text += lines[best] != lines[i]
    return by_index, by_text


def best_f1(scores: Sequence[float], pairs: Sequence[Any], gold: set[Any]) -> tuple[float, float | None]:
    """(largest F1, its lowest score) over all thresholds that are scores, every distinct pair with its best score."""
    best: dict[Any, float] = {}
    for score, pair in zip(scores, pairs, strict=True):
        best[pair] = max(score, best.get(pair, float("-inf")))
    found: tuple[float, float | None] = (0.0, None)
    for threshold in sorted(set(best.values()), reverse=True):
        f1 = prf({pair for pair, score in best.items() if score >= threshold}, gold)[2]
        if f1 > found[0] + 1e-12:
            found = f1, threshold
    return found


def prf(extracted: set[Any], gold: set[Any]) -> tuple[float, float, float]:
    """Precision, recall, F1 of sets."""
    correct = len(extracted & gold)
    if not correct:
        return 0.0, 0.0, 0.0
    precision, recall = correct / len(extracted), correct / len(gold)
    return precision, recall, 2 * precision * recall / (precision + recall)


def gold_recall(pairs: Iterable[tuple[int, int]], source: Sequence[str], target: Sequence[str]) -> tuple[int, int, int]:
    """(right pairs, finds, largest possible number of finds): a concept is found min(lines, lines) times at most."""
    most = {concept: min(source.count(concept), target.count(concept)) for concept in set(source)}
    right: dict[str, int] = {}
    for i, j in set(pairs):
        if source[i] == target[j]:
            right[source[i]] = right.get(source[i], 0) + 1
    finds = sum(min(count, most[concept]) for concept, count in right.items())
    return sum(right.values()), finds, sum(most.values())


def xsimplusplus(
    table: npt.NDArray[np.float64], lines: Sequence[str], changes: dict[str, Any], margin: str, k: int = 4
) -> dict[str, int]:
    """Errors by kind of rows that search columns, where column i translates row i and those after them are made up."""
    row_means = [np.mean(sorted(row)[-k:]) for row in table]
    column_means = [np.mean(sorted(column)[-k:]) for column in table.T]
    kinds: dict[str, int] = {}
    for i, row in enumerate(table):
        nearest = sorted(range(len(row)), key=lambda j: (-row[j], j))[:k]
        around = {j: (row_means[i] + column_means[j]) / 2 for j in nearest}
        scores = {j: {"ratio": row[j] / around[j], "distance": row[j] - around[j], "absolute": row[j]} for j in nearest}
        best = max(nearest, key=lambda j: scores[j][margin])
        if lines[best] != lines[i]:
            made_of, kind = changes.get(lines[best].strip(), ("", ""))
            kind = kind if made_of == lines[i].strip() else "Misaligned"
            kinds[kind] = kinds.get(kind, 0) + 1
    return kinds
