"""Components against scikit-learn's; what rotation and language mean for them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.principal import language_share, principal_points, principal_scores


def clouds(shift: float, seed: int = 1) -> dict[str, np.ndarray]:
    """The same 40 sentences in two languages, the second one shifted along the last axis."""
    rows = np.random.default_rng(seed).normal(size=(40, 6)).astype(np.float32)
    return {"fur": rows, "eng": rows + np.float32(shift) * np.eye(6, dtype=np.float32)[5]}


def test_points_are_scikit_learns() -> None:
    vectors = clouds(1.5)
    found, share = principal_points(vectors)
    model = PCA(2).fit(np.concatenate(list(vectors.values())))
    for code, rows in vectors.items():
        np.testing.assert_allclose(np.abs(found[code]), np.abs(model.transform(rows)), atol=1e-5)
    assert share == pytest.approx(model.explained_variance_ratio_.sum())
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(6, 6)))[0].astype(np.float32)
    turned, again = principal_points({code: rows @ rotation for code, rows in vectors.items()})
    assert again == pytest.approx(share)
    np.testing.assert_allclose(np.abs(turned["eng"]), np.abs(found["eng"]), atol=1e-4)


def test_the_share_of_language() -> None:
    assert language_share(clouds(0.0)) == pytest.approx(0, abs=1e-12)
    vectors = clouds(3.0)
    together = np.concatenate(list(vectors.values())).astype(np.float64)
    total = ((together - together.mean(axis=0)) ** 2).sum()
    assert language_share(vectors) == pytest.approx(80 * 1.5**2 / total)
    assert language_share({"a": np.ones((3, 2), np.float32), "b": np.ones((1, 2), np.float32)}) == 0
    scores = {score.name: score for score in principal_scores(vectors, "dev")}
    assert scores["pca.language"].value == language_share(vectors)
    assert scores["pca.variance"].counts == {"languages": 2, "sentences": 80}


def test_too_few() -> None:
    with pytest.raises(CorpusError, match="a picture needs 3 vectors of 2 dimensions"):
        principal_points({"a": np.ones((1, 4), np.float32), "b": np.ones((1, 4), np.float32)})
