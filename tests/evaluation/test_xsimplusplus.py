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
from fairseq_xling.evaluation.xsimplusplus import AugmentedSet, Change, read_changes, xsimplusplus_scores

KINDS = ("Entity", "Number", "Causality")


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 8), st.sampled_from(["ratio", "distance", "absolute"]))
def test_every_error_is_counted_as_by_the_loop(seed: int, n: int, made_up: int, margin: str) -> None:
    draw = np.random.default_rng(seed)
    source, candidates = ((draw.random(size=(rows, 4)) + 0.2).astype(np.float32) for rows in (n, n + made_up))
    # Some lines are repeated, and some made-up ones are unknown to the table.
    lines = [f"line {draw.integers(4)} " for _ in range(n)] + [f"made {i}" for i in range(made_up)]
    changes = {
        f"made {i}": Change(lines[draw.integers(n)].strip(), KINDS[draw.integers(3)]) for i in range(made_up) if i % 4
    }
    expected = reference.xsimplusplus(reference.cosines(source, candidates), lines, changes, margin)
    (score,) = xsimplusplus_scores(AugmentedSet(source, candidates, lines, changes), margin)
    found = {key.removeprefix("errors."): count for key, count in score.counts.items() if key.startswith("errors.")}
    assert found == expected
    assert score.counts["errors"] == sum(expected.values())
    assert score.value == sum(expected.values()) / n
    assert (score.counts["sentences"], score.counts["candidates"]) == (n, n + made_up)


def test_made_up_sentences_that_are_far_away_leave_xsims_error() -> None:
    draw = np.random.default_rng(4)
    source = (draw.random(size=(30, 6)) + 0.1).astype(np.float32)
    target = (source + draw.random(size=(30, 6)) * 0.5).astype(np.float32)
    lines = [str(i) for i in range(30)]
    (plain, _) = xsim_scores(TestSet(source, target, (lines, lines)), "absolute")
    test = AugmentedSet(source, np.vstack([target, -target[:1]]), [*lines, "other"], {}, ("fra", "eng"), "devtest")
    (score,) = xsimplusplus_scores(test, "absolute")
    assert score.value == plain.value > 0
    assert score.counts["errors.Misaligned"] == plain.counts["errors"]
    assert (score.name, score.pair, score.split) == ("xsim++.error", "fra-eng", "devtest")


def test_the_very_sentence_is_found_among_its_changes() -> None:
    vectors = np.eye(4, dtype=np.float32) + 0.1
    changes = {"made": Change("a", "Number")}
    (score,) = xsimplusplus_scores(AugmentedSet(vectors[:1], vectors[:2], ["a", "made"], changes), k=1)
    assert score.value == 0
    (score,) = xsimplusplus_scores(AugmentedSet(vectors[:1], vectors[[1, 0]], ["a", "made"], changes), k=1)
    assert score.counts["errors.Number"] == 1


def test_a_sparse_row_without_ngrams_is_misaligned() -> None:
    rows = sparse.csr_matrix(np.diag([0, 1, 1]).astype(np.float32))
    (score,) = xsimplusplus_scores(AugmentedSet(rows[:1], rows, ["a", "b", "c"], {}), k=1)
    assert score.counts["errors.Misaligned"] == 1


def test_lasers_json(tmp_path: Path) -> None:
    path = tmp_path / "eng_Latn_errtype.devtest.json"
    path.write_text(json.dumps({"made 7": {"src": "made 8", "errtype": "Number", "more": 1}}))
    assert read_changes(path) == {"made 7": ("made 8", "Number")}
    for wrong in ("[1]", '{"a": {"src": "b"}}', '{"a": 3}', "{"):
        path.write_text(wrong)
        with pytest.raises(CorpusError, match="does not have the form"):
            read_changes(path)


def test_what_does_not_fit_is_refused() -> None:
    vectors = np.eye(4, dtype=np.float32)
    with pytest.raises(CorpusError, match="4 candidate vectors, but 3 lines"):
        AugmentedSet(vectors[:1], vectors, ["a", "b", "c"], {})
    with pytest.raises(CorpusError, match="4 source rows and 4 candidates"):
        AugmentedSet(vectors, vectors, ["a"] * 4, {})
