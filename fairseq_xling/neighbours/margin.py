"""Margins: a cosine seen against the neighbourhoods of both sentences (Artetxe & Schwenk 2019, eq. 2-4)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.configs import unknown
from fairseq_xling.errors import ConfigError

Float64 = npt.NDArray[np.float64]

MARGINS = ("ratio", "distance", "absolute")


def neighbour_means(cosines: npt.NDArray[np.floating[Any]]) -> Float64:
    """Mean cosine [n] of each sentence with its neighbours, `cosines` [n, k]."""
    return cosines.mean(axis=1, dtype=np.float64)  # type: ignore[no-any-return]


def margin_scores(
    cosines: npt.NDArray[np.floating[Any]], source_means: Float64, target_means: Float64, margin: str = "ratio"
) -> Float64:
    """Margins of `cosines`; the shapes broadcast. A ratio over a zero denominator is infinite or NaN: callers check."""
    cosines = np.asarray(cosines, np.float64)
    if margin == "absolute":
        return cosines + np.zeros(np.broadcast_shapes(np.shape(source_means), np.shape(target_means)))
    neighbourhood = (np.asarray(source_means, np.float64) + np.asarray(target_means, np.float64)) / 2
    if margin == "distance":
        return cosines - neighbourhood
    if margin == "ratio":
        with np.errstate(divide="ignore", invalid="ignore"):
            return cosines / neighbourhood
    raise ConfigError(unknown("margin", margin, list(MARGINS)))
