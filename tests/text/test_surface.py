from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import surface as reference
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import read_lines
from fairseq_xling.protocols import SentenceEncoder
from fairseq_xling.text.surface import SurfaceConfig, SurfaceEncoder, leading_directions

WORDS = ["vecchio", "vècio", "vieil", "case", "casa", "cjase", "house", "acqua", "aghe", "water", "12", "9", "élan"]


def corpus(lines: int = 60) -> list[str]:
    draw = np.random.default_rng(5)
    return [" ".join(draw.choice(WORDS, size=draw.integers(1, 8))) for _ in range(lines)]


@given(st.lists(st.text(alphabet="abc Ç", max_size=12), min_size=1, max_size=5), st.text(alphabet="abdÇ ", max_size=12))
def test_cosines_are_those_of_the_loop(lines: list[str], other: str) -> None:
    encoder = SurfaceEncoder.fit(lines)
    ours = (encoder.encode_sparse([*lines, other]) @ encoder.encode_sparse(lines).T).toarray()
    loops = reference.cosines(reference.tfidf(lines, [*lines, other]), reference.tfidf(lines, lines))
    np.testing.assert_allclose(ours, loops, atol=1e-6)


def test_cosines_are_those_of_scikit_learn() -> None:
    lines, others = corpus(), corpus(80)[60:]
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True).fit(lines)
    theirs = (vectorizer.transform(others) @ vectorizer.transform(lines).T).toarray()
    encoder = SurfaceEncoder.fit(lines)
    ours = (encoder.encode_sparse(others) @ encoder.encode_sparse(lines).T).toarray()
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_line_without_a_known_ngram_is_a_zero_row() -> None:
    encoder = SurfaceEncoder.fit(["abc"], hashed=8)
    assert not encoder.encode(["", "xyz"]).any()
    np.testing.assert_allclose(np.linalg.norm(encoder.encode_sparse(["abc"]).toarray()), 1, rtol=1e-6)


def test_hashing_keeps_cosines_on_average() -> None:
    lines = corpus()
    sparse_vectors = SurfaceEncoder.fit(lines).encode_sparse(lines)
    exact = (sparse_vectors @ sparse_vectors.T).toarray()
    errors = []
    for seed in range(8):
        encoder = SurfaceEncoder.fit(lines, config=SurfaceConfig(hashed=512, seed=seed))
        vectors = encoder.encode(lines)
        assert vectors.shape == (60, 512)
        errors.append(vectors @ vectors.T - exact)
    # Var of one hashed inner product is at most about 2 / dim (Weinberger et al. 2009, lemma 2).
    assert np.abs(np.mean(errors, axis=0)).mean() < 2 * np.sqrt(2 / 512 / 8)
    assert 0 < np.std(errors) < 2 * np.sqrt(2 / 512)


def test_svd_keeps_what_the_full_decomposition_keeps() -> None:
    lines = corpus()
    encoder = SurfaceEncoder.fit(lines, svd=10)
    dense = encoder.encode_sparse(lines).toarray().astype(np.float64)
    left, values, _ = np.linalg.svd(dense, full_matrices=False)
    vectors = encoder.encode(lines)
    assert vectors.shape == (60, encoder.dim) == (60, 10)
    best = (left[:, :10] * values[:10] ** 2) @ left[:, :10].T
    np.testing.assert_allclose(vectors @ vectors.T, best, atol=2e-3)


def test_leading_directions_are_those_of_numpy() -> None:
    draw = np.random.default_rng(3)
    left, right = np.linalg.qr(draw.normal(size=(40, 12)))[0], np.linalg.qr(draw.normal(size=(30, 12)))[0]
    matrix = (left * 0.5 ** np.arange(12)) @ right.T
    found = leading_directions(sparse.csr_matrix(matrix), 5, seed=1)
    expected = right[:, :5]
    np.testing.assert_allclose(np.abs((found * expected).sum(axis=0)), 1, atol=1e-4)
    assert (found[np.abs(found).argmax(axis=0), np.arange(5)] > 0).all()


@pytest.mark.parametrize("sizes", [{"svd": 7}, {"hashed": 32}])
def test_a_saved_encoder_gives_the_same_vectors(tmp_path: Path, sizes: dict[str, int]) -> None:
    lines = corpus()
    encoder = SurfaceEncoder.fit(lines, **sizes)
    encoder.save(tmp_path / "state", {"mono.xx": "0" * 64})
    loaded = SurfaceEncoder.load(tmp_path / "state")
    np.testing.assert_array_equal(loaded.encode(lines, "fur"), encoder.encode(lines, "fur"))
    assert loaded.signature == encoder.signature
    assert isinstance(loaded, SentenceEncoder)


def test_fitting_twice_gives_the_same_bits() -> None:
    lines = corpus()
    first, second = (SurfaceEncoder.fit(lines, svd=9) for _ in range(2))
    np.testing.assert_array_equal(first.encode(lines), second.encode(lines))
    assert first.signature == second.signature != SurfaceEncoder.fit(lines[:-1], svd=9).signature


def test_dense_vectors_need_a_size() -> None:
    encoder = SurfaceEncoder.fit(corpus())
    assert encoder.dim == len(encoder.ngrams.keys)
    with pytest.raises(ConfigError, match="encode_sparse"):
        encoder.encode(["casa"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"svd": 4, "hashed": 4}, "Give one of them"),
        ({"svd": 0}, "`svd` must be at least 1"),
        ({"hashed": -1}, "`hashed` must be at least 1"),
        ({"svd": 1000}, "`svd` must be at most 60"),
    ],
)
def test_impossible_sizes_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SurfaceEncoder.fit(corpus(), **options)


def test_a_foreign_or_damaged_directory_is_refused(tmp_path: Path) -> None:
    SurfaceEncoder.fit(corpus(), hashed=8).save(tmp_path / "state")
    with pytest.raises(CorpusError, match="does not exist"):
        SurfaceEncoder.load(tmp_path)
    ngrams = tmp_path / "state" / "ngrams.npy"
    ngrams.write_bytes(ngrams.read_bytes()[:-8])
    with pytest.raises(CorpusError, match=r"ngrams\.npy is not the file"):
        SurfaceEncoder.load(tmp_path / "state")
    manifest = tmp_path / "state" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"surface"', '"vectors"'))
    with pytest.raises(CorpusError, match="holds vectors, not a surface encoder"):
        SurfaceEncoder.load(tmp_path / "state")


@pytest.mark.parametrize(("name", "others", "with_english"), [("romance", 92.8, 86.3), ("distant", 24.3, 39.9)])
def test_retrieval_of_real_text(xling_data: Path, name: str, others: float, with_english: float) -> None:
    """The published baseline, within a point: cosine nearest neighbour, mean over directions, in percent."""
    codes = sorted(path.suffix[1:] for path in (xling_data / name).glob("test.*"))
    encoder = SurfaceEncoder.fit([line for code in codes for line in read_lines(xling_data / name / f"mono.{code}")])
    vectors = {code: encoder.encode_sparse(read_lines(xling_data / name / f"test.{code}")) for code in codes}
    right: dict[bool, list[float]] = {True: [], False: []}
    for pair in itertools.combinations(codes, 2):
        cosines = (vectors[pair[0]] @ vectors[pair[1]].T).toarray()
        for axis in (0, 1):
            right["eng" in pair].append(100 * float((cosines.argmax(axis) == np.arange(len(cosines))).mean()))
    assert np.mean(right[False]) == pytest.approx(others, abs=1)
    assert np.mean(right[True]) == pytest.approx(with_english, abs=1)
