"""Two principal components of the sentence vectors of several languages: do languages lie apart?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.score import Score
from fairseq_xling.signatures import signature

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


def principal_points(vectors: Mapping[str, Float32]) -> tuple[dict[str, Float64], float]:
    """([n, 2] points of each language's [n, dim] unit-length vectors, the share of variance that they show).

    The mean of all is the origin, and the sign of a component is that of its largest weight.
    """
    together = np.concatenate([rows.astype(np.float64) for rows in vectors.values()])
    if len(together) < 3 or together.shape[1] < 2:
        raise CorpusError(
            f"a picture needs 3 vectors of 2 dimensions, but there are {together.shape}. Give more lines."
        )
    centred = together - together.mean(axis=0)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2] * np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    total = float((lengths**2).sum())
    points = centred @ axes.T
    ends = np.cumsum([len(rows) for rows in vectors.values()])[:-1]
    share = float((lengths[:2] ** 2).sum() / total) if total else 0.0
    return dict(zip(vectors, np.split(points, ends), strict=True)), share


def language_share(vectors: Mapping[str, Float32]) -> float:
    """The share of all variance that lies between the languages' means: 0 where no mean tells its language."""
    together = np.concatenate([rows.astype(np.float64) for rows in vectors.values()])
    middle = together.mean(axis=0)
    between = sum(len(rows) * ((rows.astype(np.float64).mean(axis=0) - middle) ** 2).sum() for rows in vectors.values())
    total = ((together - middle) ** 2).sum()
    return float(between / total) if total else 0.0


def principal_scores(vectors: Mapping[str, Float32], split: str) -> list[Score]:
    """pca.variance and pca.language, of all languages together."""
    counts = {"languages": len(vectors), "sentences": sum(map(len, vectors.values()))}
    made = signature(vectors="unit", split=split)
    shares = {"variance": principal_points(vectors)[1], "language": language_share(vectors)}
    return [Score(f"pca.{name}", value, made, "*", counts) for name, value in shares.items()]
