from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.significance import PairedTest

from fairseq_xling.errors import ConfigError
from fairseq_xling.evaluation.bucc import bucc_scores, extraction
from fairseq_xling.evaluation.goldpairs import gold_curve, goldpair_scores
from fairseq_xling.evaluation.score import Score
from fairseq_xling.evaluation.significance import Bootstrap, mcnemar, paired_bootstrap, with_intervals
from fairseq_xling.evaluation.translation import Translations, translation_scores
from fairseq_xling.signatures import signature

MADE = signature(split="test")


@pytest.mark.parametrize(("right", "items"), [(37, 50), (5, 400), (0, 10), (10, 10)])
def test_an_interval_is_that_of_items_drawn_one_by_one(right: int, items: int) -> None:
    outcomes = np.arange(items) < right
    draws = [float(outcomes[chosen].mean()) for chosen in Bootstrap(4000, 7).draws(items)]
    for counts in ({"right": right, "sentences": items}, {"errors": right, "sentences": items}):
        (score,) = with_intervals([Score("a", right / items, MADE, "x-y", counts)], Bootstrap(4000, 1))
        for name, share in (("low", 0.025), ("high", 0.975)):
            assert score.counts[name] == pytest.approx(np.quantile(draws, share), abs=2.5 / items)
        assert score.counts["sentences"] == items


def test_pairs_are_drawn_with_the_gold_that_they_miss() -> None:
    # 40 right pairs of 60 and 20 gold ones that are missing, drawn one by one.
    kinds = np.repeat([0, 1, 2], [40, 20, 20])
    expected: dict[str, list[float]] = {"precision": [], "recall": [], "f1": []}
    for chosen in Bootstrap(4000, 5).draws(len(kinds)):
        right, wrong, missed = np.bincount(kinds[chosen], minlength=3)
        expected["precision"].append(right / (right + wrong))
        expected["recall"].append(right / (right + missed))
        expected["f1"].append(2 * right / (2 * right + wrong + missed))
    names = [str(i) for i in range(60)]
    ids = np.arange(60)
    curve = gold_curve(np.ones(60), ids, np.where(ids < 40, ids, (ids + 1) % 20 + 40), names, names)
    found = {s.name: s.counts for s in with_intervals(goldpair_scores(curve)[:3], Bootstrap(4000, 1))}
    for name, draws in expected.items():
        for side, share in (("low", 0.025), ("high", 0.975)):
            assert found[f"pairs.{name}"][side] == pytest.approx(np.quantile(draws, share), abs=0.02)
    pairs = [(names[i], names[i] if i < 40 else "x") for i in range(60)]
    (bucc,) = with_intervals(
        bucc_scores(extraction([1.0] * 60, pairs, {(name, name) for name in names})), Bootstrap(4000, 1)
    )
    assert (bucc.counts["low"], bucc.counts["high"]) == (found["pairs.f1"]["low"], found["pairs.f1"]["high"])


def test_nothing_counted_and_means_stay_as_they_are() -> None:
    mean = Score("a", 0.5, MADE, "*", {"directions": 2})
    empty = goldpair_scores(gold_curve(np.ones(0), np.ones(0, int), np.ones(0, int), ["p"], ["q"]))
    found = with_intervals([mean, *empty], Bootstrap(20))
    assert found[0] == mean
    assert {(s.counts["low"], s.counts["high"]) for s in found[1:]} == {(0.0, 0.0)}


def test_perfect_is_certain() -> None:
    (score,) = with_intervals([Score("a", 1.0, MADE, "x-y", {"right": 9, "sentences": 9})], Bootstrap())
    assert (score.counts["low"], score.counts["high"]) == (1.0, 1.0)


def test_draws_are_seeded_and_as_many_as_said() -> None:
    first, again, other = (np.array(list(Bootstrap(30, seed).draws(5))) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (30, 5)
    assert set(np.unique(first)) == set(range(5))
    assert not np.array_equal(first, other)
    for samples, seed in ((0, 1), (5, -1)):
        with pytest.raises(ConfigError, match="must be at least"):
            Bootstrap(samples, seed)


def lines(seed: int, wrong: float) -> tuple[list[str], list[str]]:
    draw = np.random.default_rng(seed)
    references = [" ".join(draw.choice(["the", "cat", "sat", "on", "a", "mat", "dog"], 8)) for _ in range(40)]
    return [" ".join(w if draw.random() > wrong else "x" for w in line.split()) for line in references], references


@pytest.mark.parametrize("wrong", [0.3, 0.33, 0.5])
def test_the_paired_bootstrap_is_sacrebleus(monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    ours, references = lines(1, 0.3)
    baseline = [
        " ".join(w if (i + j) % 10 < 10 * (1 - wrong) else "y" for j, w in enumerate(r.split()))
        for i, r in enumerate(references)
    ]
    monkeypatch.setenv("SACREBLEU_SEED", "17")
    classes = {"bleu": sacrebleu.BLEU, "chrf": sacrebleu.CHRF, "ter": sacrebleu.TER}
    metrics = {name: cls() for name, cls in classes.items()}
    _, theirs = PairedTest([("b", baseline), ("s", ours)], metrics, [references], "bs", n_samples=200)()
    test = Translations(ours, references)
    found = {
        s.name: s for s in translation_scores(test, list(classes), bootstrap=Bootstrap(200, 17), baseline=baseline)
    }
    for name, published in (("bleu", "BLEU"), ("chrf", "chrF2"), ("ter", "TER")):
        assert found[name].counts["p"] == pytest.approx(theirs[published][1].p_value, abs=1.5 / 201)
        assert found[name].counts["baseline"] == pytest.approx(theirs[published][0].score)
        middle = (found[name].counts["low"] + found[name].counts["high"]) / 2
        assert middle == pytest.approx(float(theirs[published][1].mean), abs=float(theirs[published][1].ci) / 2)


def test_the_paired_bootstrap_tells_equal_from_better() -> None:
    right = np.arange(100) < 60
    better = np.arange(100) < 95

    def mean(values: np.ndarray) -> object:
        return lambda chosen: float(values[chosen].mean())

    assert paired_bootstrap(mean(right), mean(right), 100, Bootstrap(200)) == 1 / 201  # type: ignore[arg-type]
    assert paired_bootstrap(mean(better), mean(right), 100, Bootstrap(200)) < 0.05  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_mcnemar_counts_every_toss(pairs: list[tuple[bool, bool]]) -> None:
    ours, theirs = (np.array(side) for side in zip(*pairs, strict=True))
    found = mcnemar(ours, theirs)
    wins = [a for a, b in pairs if a != b]
    # All equally likely outcomes of so many tosses, and how many of these are at least as uneven.
    uneven = abs(2 * sum(wins) - len(wins))
    tosses = list(itertools.product([0, 1], repeat=len(wins)))
    expected = sum(abs(2 * sum(toss) - len(wins)) >= uneven for toss in tosses) / len(tosses)
    assert found["p"] == pytest.approx(expected, abs=1e-12)
    assert (found["only_here"], found["only_baseline"]) == (sum(wins), len(wins) - sum(wins))
    assert found["baseline"] == theirs.mean()
    assert mcnemar(theirs, ours)["p"] == found["p"]


def test_mcnemar_of_many_is_the_normal_curve_and_never_overflows() -> None:
    better = np.arange(40_000) < 20_300
    p = mcnemar(better, ~better)["p"]
    assert p == pytest.approx(math.erfc((600 - 1) / math.sqrt(40_000) / math.sqrt(2)), rel=0.01)
    assert mcnemar(np.ones(40_000, bool), np.zeros(40_000, bool))["p"] == 0.0
