"""The estimate without gold, against worlds where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from fairseq_xling.errors import ConfigError
from fairseq_xling.mining import MiningConfig, mine_pairs, quality
from fairseq_xling.mining.quality import Decoys, Quality, estimate, estimated_precision, find_decoys
from fairseq_xling.mining.select import mutual, score_candidates
from fairseq_xling.neighbours.kernel import SearchConfig, search
from fairseq_xling.vectors import unit_rows


def world(seed, sentences=1200, translated=0.5, noise=0.8, dim=48):
    """(x, y, gold): the first `translated` of the sentences have a noisy copy on the other side."""
    rng = np.random.default_rng(seed)
    shared = int(sentences * translated)
    x = rng.normal(size=(sentences, dim))
    copies = x[:shared] + noise * rng.normal(size=(shared, dim))
    y = np.concatenate([copies, rng.normal(size=(sentences - shared, dim))])
    return unit_rows((x + 0.5).astype(np.float32)), unit_rows((y + 0.5).astype(np.float32)), shared


def find(some, every, k):
    found = search(some, every, SearchConfig(k=k))
    return found.forward_ids, found.forward_cosines


def judged(x, y, shared, target=0.9):
    candidates = score_candidates(search(x, y, SearchConfig(k=4)), "ratio")
    pairs = mutual(candidates)
    order = np.argsort(-pairs.scores, kind="stable")
    right = ((pairs.source_ids == pairs.target_ids) & (pairs.source_ids < shared))[order]
    return estimate(candidates, [find_decoys(side, 4, "ratio", find) for side in (x, y)], target), right


@pytest.mark.parametrize("translated", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("noise", [0.5, 1.0, 1.5])
def test_what_is_trusted_is_right(translated, noise):
    quality, right = judged(*world(1, translated=translated, noise=noise))
    assert quality.suggested_cap > 50
    assert right[: quality.suggested_cap].mean() > 0.85
    marks = {int(count): precision for count, precision in quality.estimated_precision.items()}
    for count in (100, 300):  # careful, but not useless: at the best pairs the estimate is near the truth
        assert right[:count].mean() - 0.25 < marks[count] < right[:count].mean() + 0.05


def test_where_nothing_is_translated_nothing_is_trusted():
    for seed in range(3):
        quality, _ = judged(*world(seed, translated=0.0))
        assert quality.suggested_cap == 0
        assert "do not train" in quality.line
        assert quality.unmatched_share > 0.95


def test_a_higher_aim_never_trusts_more():
    x, y, shared = world(3, noise=1.2)
    caps = [judged(x, y, shared, target)[0].suggested_cap for target in (0.5, 0.7, 0.9, 0.99)]
    assert caps == sorted(caps, reverse=True)
    assert caps[0] > caps[-1]


def test_suggested_cap_limits_what_is_mined():
    x, y, _ = world(4, noise=1.2)
    all_pairs = mine_pairs(x, y, MiningConfig(threshold=0))
    trusted = mine_pairs(x, y, MiningConfig(threshold=0, suggested_cap=True))
    cap = all_pairs.facts["quality"]["suggested_cap"]
    assert 0 < cap < len(all_pairs)
    assert len(trusted) == cap
    assert trusted.scores.tolist() == all_pairs.scores[:cap].tolist()


def test_the_estimate_can_be_left_out_and_the_pairs_stay():
    x, y, _ = world(4, sentences=60)
    with_it, without = (mine_pairs(x, y, MiningConfig(skip_quality=skip)) for skip in (False, True))
    assert with_it.scores.tolist() == without.scores.tolist()
    assert without.facts["quality"]["suggested_cap"] is None
    with pytest.raises(ConfigError, match="skip_quality"):
        mine_pairs(x, y, MiningConfig(skip_quality=True, suggested_cap=True))


def test_too_little_to_judge_is_said_and_not_guessed():
    x = unit_rows(np.random.default_rng(0).random((5, 3), np.float32))
    pairs = mine_pairs(x, x[:1], MiningConfig(threshold=0))
    assert pairs.facts["quality"]["suggested_cap"] is None
    with pytest.raises(ConfigError, match="too few sentences"):
        mine_pairs(x, x[:1], MiningConfig(suggested_cap=True))


def test_estimate_by_hand():
    # 4 pairs of 8 sentences, decoy rates 0, 0, 1/8, 2/8, so 8 * rate + 1 = 1, 1, 2, 3 expected wrong at pi0 = 1.
    # The last precision is 1 - (2 pi0 + 1) / 4, and pi0 = 1 - precision * 4 / 8 = 1 - (3 - 2 pi0) / 8 has pi0 = 5/6.
    precision, unmatched = estimated_precision(np.array([0, 0, 1 / 8, 2 / 8]), 8)
    assert unmatched == pytest.approx(5 / 6, abs=1e-6)
    np.testing.assert_allclose(precision, [0, 1 / 2, 1 - (5 / 6 + 1) / 3, 1 - (10 / 6 + 1) / 4], atol=1e-6)


def test_rate_counts_equal_scores():
    rates = Decoys(np.array([1.5, 1.0, 1.0]), 10).rate(np.array([2.0, 1.5, 1.2, 1.0, 0.5]))
    assert rates.tolist() == [0, 0.1, 0.1, 0.3, 0.3]


def test_decoys_are_the_mutual_best_partners_inside_one_language():
    x, _, _ = world(5, sentences=70, dim=6)
    x[10] = x[20]  # a repetition is no decoy
    near, mean = {}, {}
    for i in range(70):
        cosines = {j: float(x[i].astype(float) @ x[j].astype(float)) for j in range(70) if j != i}
        cosines = {j: c for j, c in cosines.items() if c < 1 - 1e-6}
        near[i] = dict(sorted(cosines.items(), key=lambda item: -item[1])[:4])
        mean[i] = sum(near[i].values()) / 4
    best = {i: max((c / ((mean[i] + mean[j]) / 2), j) for j, c in near[i].items()) for i in near}
    expected = sorted(score for i, (score, j) in best.items() if best[j][1] == i)
    decoys = find_decoys(x, 4, "ratio", find)
    assert decoys.sentences == 70
    np.testing.assert_allclose(np.sort(decoys.scores), expected, atol=1e-5)


def test_a_sample_of_a_large_side_tells_what_the_whole_tells(monkeypatch):
    x, _, _ = world(6, sentences=3000)
    whole = find_decoys(x, 4, "ratio", find)
    monkeypatch.setattr(quality, "_WHOLE", 1000)
    monkeypatch.setattr(quality, "_SAMPLE", 600)
    sampled = find_decoys(x, 4, "ratio", find)
    assert sampled.sentences == 600
    levels = np.quantile(whole.scores, [0, 0.5, 0.9])
    np.testing.assert_allclose(sampled.rate(levels), whole.rate(levels), atol=0.08)


def test_line_says_what_was_not_estimated():
    assert "not estimated" in Quality(3, 0.5, {}, 0.9).line
