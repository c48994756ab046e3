"""The order of mining's steps: LASER's numbers, checks before work, invariances, small sides."""

from __future__ import annotations

import json

import numpy as np
import pytest
from references.mining import mine_slowly
from references.unit_vectors import falling
from scipy import sparse

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import read_lines
from fairseq_xling.mining import MiningConfig, mine_pairs
from fairseq_xling.mining.mine import score_pairs
from fairseq_xling.vectors import VectorWriter, open_vectors, unit_rows


def oracle_runs(folder):
    return json.loads((folder / "mining" / "index.json").read_text(encoding="utf-8"))["runs"]


def test_oracle_laser_miner(oracles):
    """Same multiset of texts, scores within 2e-6, order up to 1e-5 (tests/oracles/README.md), every file."""
    runs = oracle_runs(oracles)
    assert len(runs) >= 27
    for run in runs:
        check_run(oracles / "mining", run)


def check_run(folder, run):
    case = run["case"]
    texts = read_lines(folder / f"{case}.src.txt"), read_lines(folder / f"{case}.tgt.txt")
    config = MiningConfig(
        compat="laser",
        margin=run["margin"],
        mining_k=run["k"],
        threshold=run["threshold"] or None,
        retrieval=run["retrieval"],
        unify=run["unify"],
    )
    vectors = (np.load(folder / f"{case}.{side}.npy") for side in "xy")
    pairs = mine_pairs(*vectors, config, texts)
    expected = [line.split("\t") for line in read_lines(folder / run["file"])]
    assert len(pairs) == run["pairs"] == len(expected), run["file"]
    ours = [
        (texts[0][s], texts[1][t], score)
        for s, t, score in zip(pairs.source_ids, pairs.target_ids, pairs.scores, strict=True)
    ]
    theirs = [(source, target, float(score)) for score, source, target in expected]
    for one, other in zip(sorted(ours), sorted(theirs), strict=True):
        assert one[:2] == other[:2], run["file"]
        assert one[2] == pytest.approx(other[2], abs=2e-6), run["file"]
    if run["retrieval"] == "max":
        np.testing.assert_allclose([o[2] for o in ours], [t[2] for t in theirs], atol=1e-5, err_msg=run["file"])


def test_oracle_default_unify_takes_the_first_vector(oracles):
    folder = oracles / "mining"
    texts = read_lines(folder / "dups.src.txt"), read_lines(folder / "dups.tgt.txt")
    x, y = np.load(folder / "dups.x.npy"), np.load(folder / "dups.y.npy")
    first = [{line: i for i, line in reversed(list(enumerate(side)))} for side in texts]
    rows = [sorted(side.values()) for side in first]
    unified = mine_pairs(x, y, MiningConfig(unify=True, threshold=0), texts)
    plain = mine_pairs(x[rows[0]], y[rows[1]], MiningConfig(threshold=0))
    assert unified.source_ids.tolist() == [rows[0][s] for s in plain.source_ids]
    assert unified.target_ids.tolist() == [rows[1][t] for t in plain.target_ids]
    assert unified.scores.tolist() == plain.scores.tolist()


def test_defaults_are_crisss_and_in_the_signature():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 16)).astype(np.float32)
    pairs = mine_pairs(x, x + 0.1 * rng.normal(size=x.shape).astype(np.float32) + 0.5)
    assert pairs.signature.startswith("margin:ratio|k:4|retrieval:max|threshold:1.06|")
    assert (pairs.scores > 1.06).all()


@pytest.mark.parametrize("retrieval", ["max", "intersect"])
def test_scaling_rotation_and_order_of_lines_change_nothing(retrieval):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(80, 12)) + 1
    y = x[::-1] + 0.3 * rng.normal(size=x.shape)
    config = MiningConfig(retrieval=retrieval, threshold=0)
    base = mine_pairs(x.astype(np.float32), y.astype(np.float32), config)
    rotation = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    turned = mine_pairs((5 * x @ rotation).astype(np.float32), (y @ rotation).astype(np.float32), config)
    np.testing.assert_allclose(base.scores, turned.scores, atol=1e-5)
    order = rng.permutation(len(y))
    shuffled = mine_pairs(x.astype(np.float32), y[order].astype(np.float32), config)
    as_set = {(s, t) for s, t in zip(base.source_ids.tolist(), base.target_ids.tolist(), strict=True)}
    back = {(s, int(order[t])) for s, t in zip(shuffled.source_ids.tolist(), shuffled.target_ids, strict=True)}
    assert as_set == back


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (2, 3), (5, 1)])
def test_fewer_sentences_than_k(n, m):
    rng = np.random.default_rng(n * 10 + m)
    x, y = rng.random((n, 4), np.float32), rng.random((m, 4), np.float32)
    pairs = mine_pairs(x, y, MiningConfig(threshold=0))
    slow = mine_slowly(unit_rows(x).astype(float), unit_rows(y).astype(float), 4, "ratio", "max")
    np.testing.assert_allclose(pairs.scores, [pair[0] for pair in slow], atol=1e-6)
    assert list(zip(pairs.source_ids.tolist(), pairs.target_ids.tolist(), strict=True)) == [p[1:] for p in slow]


def test_shard_directories_and_arrays_give_the_same_pairs(tmp_path):
    rng = np.random.default_rng(4)
    x, y = rng.random((25, 6), np.float32), rng.random((31, 6), np.float32)
    VectorWriter(tmp_path / "x", shard_rows=7).write_all(x, {}, {})
    np.save(tmp_path / "y.npy", y)
    config = MiningConfig(threshold=0)
    stored = mine_pairs(open_vectors(tmp_path / "x"), open_vectors(tmp_path / "y.npy"), config)
    plain = mine_pairs(x, y, config)
    assert stored.scores.tolist() == plain.scores.tolist()
    assert stored.source_ids.tolist() == plain.source_ids.tolist()


def test_sparse_rows_give_what_dense_rows_give_and_empty_ones_take_no_part():
    rng = np.random.default_rng(5)
    x = rng.random((20, 30)) * (rng.random((20, 30)) < 0.3) + 0.01 * np.eye(20, 30)
    y = rng.random((15, 30)) * (rng.random((15, 30)) < 0.3) + 0.01 * np.eye(15, 30)
    x[4], y[0] = 0, 0
    config = MiningConfig(threshold=0)
    found = mine_pairs(sparse.csr_matrix(unit(x)), sparse.csr_matrix(unit(y)), config)
    keep_x, keep_y = np.delete(np.arange(20), 4), np.delete(np.arange(15), 0)
    plain = mine_pairs(x[keep_x].astype(np.float32), y[keep_y].astype(np.float32), config)
    np.testing.assert_allclose(found.scores, plain.scores, atol=1e-6)
    assert found.source_ids.tolist() == keep_x[plain.source_ids].tolist()
    assert found.facts["searched_sources"] == 19


def unit(matrix):
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.where(norms > 0, matrix / np.where(norms > 0, norms, 1), 0).astype(np.float32)


def test_given_pairs_get_the_score_that_mining_gives_them():
    rng = np.random.default_rng(6)
    x, y = rng.random((40, 8), np.float32), rng.random((35, 8), np.float32)
    config = MiningConfig(threshold=0)
    pairs = mine_pairs(x, y, config)
    scores = score_pairs(x, y, (pairs.source_ids, pairs.target_ids), config)
    assert scores.tolist() == pairs.scores.tolist()


def test_scoring_with_unify_keeps_lines_aligned_after_a_repeated_one():
    rng = np.random.default_rng(7)
    x = rng.random((6, 5), np.float32)
    x[3] = x[0]
    texts = (["a", "b", "c", "a", "d", "e"], ["A", "B", "C", "D", "E", "F"])
    y = rng.random((6, 5), np.float32)
    ids = np.arange(6), np.arange(6)
    unified = score_pairs(x, y, ids, MiningConfig(unify=True), texts)
    distinct = np.array([0, 1, 2, 4, 5])
    rows = np.array([0, 1, 2, 0, 3, 4])
    expected = score_pairs(x[distinct], y, (rows, np.arange(6)), MiningConfig())
    assert unified.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("x", "y", "config", "message"),
    [
        (np.ones((2, 3)), np.ones((2, 4)), {}, "dimension 3, target vectors 4"),
        (np.ones((0, 3)), np.ones((2, 3)), {}, "no rows"),
        (np.array([[1.0, np.nan]]), np.ones((2, 2)), {}, "row 0 .* NaN"),
        (np.ones((2, 2)), np.array([[1.0, 1], [0, 0]]), {}, "target vectors.* row 1 .* zeros"),
        (np.ones((2, 2)), np.ones((2, 2)), {"unify": True}, "--unify"),
        (np.ones((2, 2)), np.ones((2, 2)), {"mining_k": 0, "threads": 0}, "2 faults: `mining_k`.*`threads`"),
    ],
)
def test_unusable_input_is_said_before_any_work(x, y, config, message):
    with pytest.raises((ConfigError, CorpusError), match=message):
        mine_pairs(x.astype(np.float32), y.astype(np.float32), MiningConfig(**config))


def test_rows_and_lines_must_agree():
    with pytest.raises(CorpusError, match="2 vectors for 1 lines"):
        mine_pairs(np.ones((2, 2), np.float32), np.ones((2, 2), np.float32), texts=(["a"], ["b", "c"]))


def test_a_pair_outside_the_lines_is_named():
    x = np.ones((2, 2), np.float32)
    with pytest.raises(CorpusError, match="pair 1 .* target line 2"):
        score_pairs(x, x, (np.array([0, 1]), np.array([0, 2])))


def test_given_pairs_of_sparse_rows_get_the_score_that_mining_gives_them():
    rng = np.random.default_rng(8)
    x, y = (sparse.csr_matrix(unit(rng.random((30, 40)) * (rng.random((30, 40)) < 0.4))) for _ in range(2))
    pairs = mine_pairs(x, y, MiningConfig(threshold=0))
    scores = score_pairs(x, y, (pairs.source_ids, pairs.target_ids), MiningConfig())
    assert scores.tolist() == pairs.scores.tolist()


def test_an_index_that_misses_nothing_gives_the_exact_pairs_and_its_own_signature():
    x, y = falling(900, 800, 256, 1)
    exact, likely = (mine_pairs(x, y, MiningConfig(index=index)) for index in ("exact", "likely:0.99"))
    assert set(zip(exact.source_ids, exact.target_ids, strict=True)) == set(
        zip(likely.source_ids, likely.target_ids, strict=True)
    )
    assert len(exact) > 100
    assert likely.signature != exact.signature
    assert likely.facts["search"]["index"] == "likely:0.99"
    assert likely.facts["search"]["forward_recall"] > 0.98
    assert exact.facts["search"]["forward_recall"] == 1


def test_scores_by_an_index_are_those_that_mining_by_it_gives():
    x, y = falling(900, 800, 256, 2)
    config = MiningConfig(index="IVF16,Flat", threshold=0)
    pairs = mine_pairs(x, y, config)
    scores = score_pairs(x, y, (pairs.source_ids, pairs.target_ids), config)
    assert scores.tolist() == pairs.scores.tolist()
