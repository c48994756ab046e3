from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import evaluation as reference
from scipy import sparse

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.evaluation.nearest import TestSet
from fairseq_xling.evaluation.readers import read_tatoeba, tatoeba_pairs
from fairseq_xling.evaluation.tatoeba import tatoeba_scores
from fairseq_xling.files import read_lines
from fairseq_xling.text.surface import SurfaceEncoder


def values(test: TestSet, **options: object) -> dict[tuple[str, str], float]:
    return {(score.pair, score.name): score.value for score in tatoeba_scores(test, **options)}  # type: ignore[arg-type]


def test_oracle_retrieval_counts(oracles: Path) -> None:
    folder = oracles / "retrieval"
    expected = json.loads((folder / "expected.json").read_text())
    texts = read_lines(folder / "src.txt"), read_lines(folder / "tgt.txt")
    test = TestSet(np.load(folder / "x.npy"), np.load(folder / "y.npy"), texts, ("src", "tgt"))
    found = {(score.pair, score.name): score for score in tatoeba_scores(test)}
    for compare, ending in (("index", ""), ("textual", ".textual")):
        published = expected["tatoeba"][compare]
        laser = expected["laser_similarity_error_rate"][compare]
        for pair, key in (("src-tgt", "src_to_tgt"), ("tgt-src", "tgt_to_src")):
            score = found[pair, f"tatoeba.accuracy{ending}"]
            assert score.counts["right"] == round(published[key] * expected["n"])
            assert score.value == pytest.approx(published[key], abs=1e-12)
            assert 1 - score.value == pytest.approx(laser[key], abs=1e-12)
            assert f"compare:{compare}" in score.signature
    assert not any("xtreme" in name for _, name in found)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 4), st.integers(1, 6))
def test_any_test_set_is_scored_as_by_the_loop(seed: int, n: int, kinds: int, at: int) -> None:
    draw = np.random.default_rng(seed)
    source, target = draw.normal(size=(2, n, 5)).astype(np.float32)
    # Some targets are told apart by their number only.
    copied = draw.integers(n // 2, n, size=n // 2)
    target[: n // 2] = target[copied]
    texts = [str(line) for line in draw.integers(kinds, size=n)], [str(line) for line in draw.integers(kinds, size=n)]
    found = values(TestSet(source, target, texts, ("a", "b")), at=[at])
    table = reference.cosines(source, target)
    # Equal vectors have equal cosines in the loop too.
    table[:, : n // 2] = table[:, copied]
    ending = "" if at == 1 else f"@{at}"
    for pair, directed, lines in (("a-b", table, texts[1]), ("b-a", table.T, texts[0])):
        by_index, by_text = reference.accuracy(directed, lines, at)
        assert found[pair, f"tatoeba.accuracy{ending}"] == by_index / n
        assert found[pair, f"tatoeba.accuracy{ending}.textual"] == by_text / n


def test_equal_vectors_are_perfect_and_one_line_is_enough() -> None:
    vectors = np.random.default_rng(1).normal(size=(20, 8)).astype(np.float32)
    for rows in (vectors, vectors[:1]):
        texts = [str(row) for row in range(len(rows))], [str(row) for row in range(len(rows))]
        assert set(values(TestSet(rows, rows * 2, texts)).values()) == {1.0}


def test_order_of_the_pairs_does_not_matter() -> None:
    draw = np.random.default_rng(2)
    source = draw.normal(size=(50, 6)).astype(np.float32)
    target = (source + draw.normal(size=(50, 6))).astype(np.float32)
    order = draw.permutation(50)
    straight, shuffled = values(TestSet(source, target)), values(TestSet(source[order], target[order]))
    assert straight == shuffled
    assert 0 < straight["source-target", "tatoeba.accuracy"] < straight["source-target", "tatoeba.accuracy@5"] < 1


def test_an_index_hit_is_a_textual_hit() -> None:
    draw = np.random.default_rng(3)
    source, target = draw.normal(size=(2, 30, 3)).astype(np.float32)
    texts = [str(i % 7) for i in range(30)], [str(i % 5) for i in range(30)]
    found = values(TestSet(source, target, texts))
    for pair in ("source-target", "target-source"):
        assert found[pair, "tatoeba.accuracy"] <= found[pair, "tatoeba.accuracy.textual"]


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 10))
def test_unshared_are_those_queries_only_among_all_candidates(seed: int, n: int) -> None:
    draw = np.random.default_rng(seed)
    source, target = draw.normal(size=(2, n, 3)).astype(np.float32)
    texts = [f"s{i} {draw.choice(['Rossi', 'uno'])}" for i in range(n)], [f"t{i}, rossi!" for i in range(n)]
    scores = {(s.pair, s.name): s for s in tatoeba_scores(TestSet(source, target, texts), at=[2], unshared=True)}
    chosen = [i for i in range(n) if "uno" in texts[0][i]]
    table = reference.cosines(source, target)
    names = {"tatoeba.accuracy@2.unshared", "tatoeba.accuracy@2.textual.unshared"} if chosen else set()
    assert {name for _, name in scores if name.endswith(".unshared")} == names
    for pair, directed in (("source-target", table), ("target-source", table.T)):
        right = sum(i in np.argsort(-directed[i], kind="stable")[:2] for i in chosen)
        for name in names:
            assert scores[pair, name].value == right / len(chosen)
            assert scores[pair, name].counts == {"right": right, "sentences": len(chosen), "of": n}
            assert "sentences:unshared" in scores[pair, name].signature


def test_what_is_shared_is_seen_in_the_texts() -> None:
    with pytest.raises(CorpusError, match="Give both sides'"):
        tatoeba_scores(TestSet(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)), unshared=True)


@pytest.mark.parametrize(("languages", "pair"), [(("deu", "eng"), "eng-deu"), (("en_XX", "ro_RO"), "en_XX-ro_RO")])
def test_xtreme_is_the_direction_from_english(languages: tuple[str, str], pair: str) -> None:
    # Every target's nearest source is its own; two sources are nearer to a foreign target.
    source = np.array([[1, 0], [1, 0.1], [1, 0.2]], np.float32)
    target = np.array([[1, -1], [1, 0.1], [1, 1]], np.float32)
    found = values(TestSet(source, target, languages=languages))
    assert [key for key in found if key[1] == "tatoeba.xtreme"] == [(pair, "tatoeba.xtreme")]
    assert found[pair, "tatoeba.xtreme"] == found[pair, "tatoeba.accuracy"]
    assert found[pair, "tatoeba.accuracy"] != found["-".join(reversed(pair.split("-"))), "tatoeba.accuracy"]


def test_a_sparse_row_without_ngrams_is_wrong() -> None:
    rows = sparse.csr_matrix(np.diag([0, 1, 1]).astype(np.float32))
    found = values(TestSet(rows, rows, encoder="encoder:surface|xling:0"), name="surface.accuracy")
    assert found["source-target", "surface.accuracy"] == pytest.approx(2 / 3)


def test_depths_below_one_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"at \[0\]"):
        values(TestSet(np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)), at=[0])


def test_real_pairs_by_spelling_are_those_of_the_loop(xling_data: Path) -> None:
    folder = xling_data / "tatoeba"
    pairs = tatoeba_pairs(folder)
    assert len(pairs) >= 6
    for pair in pairs:
        texts = read_tatoeba(folder, pair)
        encoder = SurfaceEncoder.fit([*texts[0], *texts[1]])
        source, target = (encoder.encode_sparse(lines) for lines in texts)
        found = values(TestSet(source, target, texts, pair), name="surface.accuracy", at=[1, 5])
        # Cosines that agree as the float32 they are stored as are ties.
        table = reference.sparse_cosines(source, target).astype(np.float32)
        sides = ((f"{pair[0]}-{pair[1]}", table, texts[1]), (f"{pair[1]}-{pair[0]}", table.T, texts[0]))
        for name, directed, lines in sides:
            for at, ending in ((1, ""), (5, "@5")):
                by_index, by_text = reference.accuracy(directed, lines, at)
                assert found[name, f"surface.accuracy{ending}"] == by_index / len(lines)
                assert found[name, f"surface.accuracy{ending}.textual"] == by_text / len(lines)
