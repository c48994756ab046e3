from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import evaluation as reference
from scipy import sparse

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.nearest import TestSet
from fairseq_xling.evaluation.xsim import xsim_scores
from fairseq_xling.files import read_lines

MARGINS = ("ratio", "distance", "absolute")


def errors(test: TestSet, **options: object) -> dict[str, int]:
    return {score.pair: score.counts["errors"] for score in xsim_scores(test, **options)}  # type: ignore[arg-type]


@pytest.mark.parametrize("margin", MARGINS)
def test_oracle_retrieval_errors(oracles: Path, margin: str) -> None:
    folder = oracles / "retrieval"
    expected = json.loads((folder / "expected.json").read_text())["xsim_k4"][margin]
    texts = read_lines(folder / "src.txt"), read_lines(folder / "tgt.txt")
    test = TestSet(np.load(folder / "x.npy"), np.load(folder / "y.npy"), texts)
    for compare in ("index", "textual"):
        for score, key in zip(xsim_scores(test, margin, compare=compare), ("src_to_tgt", "tgt_to_src"), strict=True):
            assert score.counts == {"errors": expected[key][f"{compare}_errors"], "sentences": expected[key]["n"]}
            assert 100 * score.value == pytest.approx(expected[key][f"{compare}_error_percent"], abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.sampled_from(MARGINS), st.integers(1, 5))
def test_any_test_set_is_scored_as_by_the_loop(seed: int, n: int, margin: str, k: int) -> None:
    draw = np.random.default_rng(seed)
    # All cosines positive, so that no ratio is over zero or less.
    source, target = (draw.random(size=(2, n, 5)) + 0.2).astype(np.float32)
    texts = [str(line) for line in draw.integers(3, size=n)], [str(line) for line in draw.integers(3, size=n)]
    table = reference.cosines(source, target)
    test = TestSet(source, target, texts)
    forward, backward = (
        reference.xsim_errors(directed, lines, margin, k)
        for directed, lines in ((table, texts[1]), (table.T, texts[0]))
    )
    for place, compare in enumerate(("index", "textual")):
        found = errors(test, margin=margin, k=k, compare=compare)
        assert found == {"source-target": forward[place], "target-source": backward[place]}


def test_absolute_is_tatoebas_error() -> None:
    draw = np.random.default_rng(1)
    source = draw.normal(size=(60, 4)).astype(np.float32)
    target = (source + draw.normal(size=(60, 4))).astype(np.float32)
    right, _ = reference.accuracy(reference.cosines(source, target), [""] * 60)
    assert errors(TestSet(source, target), margin="absolute")["source-target"] == 60 - right


def test_textual_is_the_default_where_there_are_texts() -> None:
    vectors = np.eye(3, dtype=np.float32)
    crossed = vectors[[1, 0, 2]]
    same = (["a", "a", "b"], ["a", "a", "b"])
    assert errors(TestSet(vectors, crossed, same)) == {"source-target": 0, "target-source": 0}
    assert errors(TestSet(vectors, crossed)) == {"source-target": 2, "target-source": 2}
    assert errors(TestSet(vectors, crossed, same), compare="index") == {"source-target": 2, "target-source": 2}


def test_one_line_has_no_error() -> None:
    one = np.ones((1, 4), np.float32)
    assert errors(TestSet(one, one)) == {"source-target": 0, "target-source": 0}


def test_a_ratio_over_nothing_is_refused() -> None:
    one = np.ones((1, 4), np.float32)
    with pytest.raises(CorpusError, match=r"row 0 \(from 0\) has a denominator of 0 or less"):
        errors(TestSet(one, -one))
    assert errors(TestSet(one, -one), margin="distance") == {"source-target": 0, "target-source": 0}


def test_sparse_strangers_are_errors_not_faults() -> None:
    rows = sparse.csr_matrix(np.diag([0, 1, 1]).astype(np.float32))
    assert errors(TestSet(rows, rows), k=1) == {"source-target": 1, "target-source": 1}


def test_the_signature_names_all_that_decides() -> None:
    one = np.ones((1, 4), np.float32)
    (score, _) = xsim_scores(TestSet(one, one, split="dev", encoder="encoder:x|xling:0"), "distance", 3)
    assert score.signature.startswith("encoder:x|margin:distance|k:3|compare:index|split:dev|threshold:none|xling:")
