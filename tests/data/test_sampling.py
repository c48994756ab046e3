"""Temperature sampling against counting, its repeatability, and batches that keep directions apart."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from fairseq.data import LanguagePairDataset, ListDataset, data_utils
from references import small_criss

from fairseq_xling.data.sampling import SampledDirections, SeparateDirections, temperature_shares
from fairseq_xling.languages import Pair

AB, BA, AC = Pair("aa", "bb"), Pair("bb", "aa"), Pair("aa", "cc")
SIZES = {AB: 160, BA: 40, AC: 10}


def directions(sizes: dict[Pair, int] | None = None) -> dict[Pair, LanguagePairDataset]:
    """Random sentence pairs; direction d's sentences are recognised by their target's language token."""
    tokens = small_criss.language_tokens()
    found = {}
    for direction, size in (sizes or SIZES).items():
        lengths = [2 + i % 7 for i in range(size)]
        sides = [small_criss.sentences(lengths, tokens.dictionary, seed) for seed in (1, 2)]
        source = ListDataset(sides[0], np.array([len(s) for s in sides[0]]))
        target = tokens.target_dataset(ListDataset(sides[1], [len(s) for s in sides[1]]), direction.target)
        found[direction] = LanguagePairDataset(
            source, source.sizes, tokens.dictionary, target, target.sizes, tokens.dictionary, shuffle=False
        )
    return found


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0, 1e9])
def test_shares(temperature: float) -> None:
    found = temperature_shares([160, 40, 10], temperature)
    raised = [n ** (1 / temperature) for n in (160, 40, 10)]
    np.testing.assert_allclose(found, [r / sum(raised) for r in raised])


def drawn(sampled: SampledDirections) -> dict[str, Counter[int]]:
    """How often each sentence pair of each direction is in the epoch."""
    counts: dict[str, Counter[int]] = {key: Counter() for key in sampled.keys}
    for index in range(len(sampled)):
        number, within = sampled._get_dataset_and_index(index)
        counts[sampled.keys[number]][int(within)] += 1
    return counts


def test_temperature_one_takes_everything_once() -> None:
    counts = drawn(SampledDirections(directions(), 1.0, seed=1, epoch=1, split="train"))
    assert counts == {str(d): Counter(range(n)) for d, n in SIZES.items()}


@pytest.mark.parametrize("temperature", [2.0, 5.0])
def test_an_epoch_has_the_shares_of_the_temperature(temperature: float) -> None:
    counts = drawn(SampledDirections(directions(), temperature, seed=1, epoch=1, split="train"))
    shares = temperature_shares(list(SIZES.values()), temperature)
    for (direction, size), share in zip(SIZES.items(), shares, strict=True):
        count = counts[str(direction)]
        assert abs(count.total() - share * 210) <= len(SIZES)
        # Seen in whole passes and a rest without repetition: no sentence pair twice as often as another by chance.
        assert len(count) == min(size, count.total())
        assert max(count.values()) - min(count[i] for i in range(size)) <= 1


def test_seed_and_epoch_decide_alone() -> None:
    first = SampledDirections(directions(), 2.0, seed=1, epoch=3, split="train")
    later = SampledDirections(directions(), 2.0, seed=1, epoch=1, split="train")
    assert drawn(first) != drawn(later)
    later.set_epoch(3)  # as a resumed run does
    assert drawn(first) == drawn(later)
    assert drawn(SampledDirections(directions(), 2.0, seed=2, epoch=3, split="train")) != drawn(first)


def test_batches_mix_directions() -> None:
    sampled = SampledDirections(directions(), 1.0, seed=1, epoch=1, split="train")
    with data_utils.numpy_seed(1):
        order = sampled.ordered_indices()
    batches = sampled.batch_by_size(order, max_tokens=200)
    languages = [{int(row[0]) for row in sampled.collater([sampled[i] for i in b])["target"]} for b in batches]
    assert max(map(len, languages)) == 3
    assert sorted(i for batch in batches for i in batch) == list(range(210))


class TestSeparate:
    @pytest.fixture
    def separate(self) -> SeparateDirections:
        return SeparateDirections(directions())

    def test_ids_and_items(self, separate: SeparateDirections) -> None:
        plain = directions()
        assert len(separate) == 210
        for index, direction, within in ((0, AB, 0), (159, AB, 159), (160, BA, 0), (200, AC, 0), (209, AC, 9)):
            item = separate[index]
            assert item["id"] == index
            assert separate.directions[item["direction"]] == direction
            assert item["source"].tolist() == plain[direction][within]["source"].tolist()
            assert separate.size(index) == plain[direction].size(within)
            assert separate.num_tokens(index) == plain[direction].num_tokens(within)

    def test_every_batch_is_of_one_direction(self, separate: SeparateDirections) -> None:
        order = separate.ordered_indices()
        assert sorted(order) == list(range(210))
        batches = separate.batch_by_size(order, max_tokens=100)
        assert sorted(i for batch in batches for i in batch) == list(range(210))
        tokens = small_criss.language_tokens()
        seen = set[int]()
        for batch in batches:
            collated = separate.collater([separate[i] for i in batch])
            number = int(collated["direction"])
            seen.add(number)
            expected = tokens.index(separate.directions[number].target)
            assert set(collated["target"][:, 0].tolist()) == {expected}
            assert collated["id"].sort().values.tolist() == sorted(batch)
        assert seen == {0, 1, 2}

    def test_too_long(self, separate: SeparateDirections) -> None:
        order = separate.ordered_indices()
        kept, ignored = separate.filter_indices_by_size(order, (1024, 6))
        assert sorted(ignored) == [i for i in range(210) if separate.size(i)[1] > 6]
        assert sorted([*kept, *ignored]) == list(range(210))

    def test_no_sentences_no_batch(self, separate: SeparateDirections) -> None:
        assert separate.collater([]) == {}
