"""Loss over exactly the tokens that are asked for; the same ones in every validation."""

from __future__ import annotations

import pytest
import torch
from fairseq import metrics
from references import small_dual
from references.dual_world import task, write_world

from fairseq_xling.criterions.masked_objectives import OBJECTIVES, Sides
from fairseq_xling.criterions.masked_pairs import MaskedPairsCriterion, MaskedPairsCriterionConfig
from fairseq_xling.errors import ConfigError
from fairseq_xling.nn.masking import masked_tokens, parted
from fairseq_xling.tasks._dual_options import MaskedPairsConfig


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(folder, coded=True)
    made = task(MaskedPairsConfig, folder, masked_mono="aa")
    made.load_dataset("train")
    data = made.dataset("train")
    return made, data.collater([data[i] for i in range(0, 100, 9)])


def test_loss(world) -> None:
    made, sample = world
    model = small_dual.model(symbols=made.source_dictionary)
    criterion = MaskedPairsCriterion(MaskedPairsCriterionConfig(masked_share=0.4), made)
    loss, size, logged = criterion(model, sample)
    tokens = sample["net_input"]["src_tokens"]
    read, asked = masked_tokens(tokens, criterion.masking, torch.Generator().manual_seed(1))
    scores = model(read)[0].log_softmax(dim=2)
    expected = -sum(scores[row, place, tokens[row, place]] for row, place in asked.nonzero().tolist())
    assert size == int(asked.sum()) > 10
    torch.testing.assert_close(loss, expected)
    assert criterion(model, sample)[0].item() == loss.item()
    with metrics.aggregate() as found:
        criterion.reduce_metrics([logged, logged])
    assert found["loss"].avg == pytest.approx(loss.item() / size / 0.6931472, abs=1e-3)
    torch.manual_seed(1)
    first, second = (criterion(model.train(), sample)[1] for _ in range(2))
    assert first != second  # in training fairseq's seed decides


def test_special_tokens_are_not_asked_for(world) -> None:
    made, _ = world
    criterion = MaskedPairsCriterion(MaskedPairsCriterionConfig(), made)
    start, end = criterion.masking.ordinary
    symbols = made.source_dictionary
    assert (symbols[start], symbols[end]) == (symbols.symbols[4], "[aa]")
    assert symbols[criterion.masking.mask] == "<mask>"


def test_nothing_asked_for_is_no_loss(world) -> None:
    made, sample = world
    model = small_dual.model(symbols=made.source_dictionary)
    empty = {**sample, "net_input": {"src_tokens": torch.tensor([[0, 2]])}}
    loss, size, _ = MaskedPairsCriterion(MaskedPairsCriterionConfig(), made)(model, empty)
    assert (loss.item(), size) == (0.0, 0)


def test_faults(world) -> None:
    with pytest.raises(ConfigError, match="--masked-share must be between 0 and 1"):
        MaskedPairsCriterion(MaskedPairsCriterionConfig(masked_share=0.0), world[0])


def test_further_objectives_are_added_with_their_weights(world) -> None:
    """Means over their own words and pairs, of the joined pairs in a batch that holds sentences too."""
    made, sample = world
    model = small_dual.model(symbols=made.source_dictionary, dual_recovery=True)
    named = MaskedPairsCriterionConfig(masked_objectives="recovery:0.5,similarity:2")
    criterion = MaskedPairsCriterion(named, made)
    tokens = sample["net_input"]["src_tokens"]
    rows, source, target = parted(tokens, made.source_dictionary.bos(), made.source_dictionary.pad())
    assert 0 < len(rows) < len(tokens)
    loss, size, logged = criterion(model, sample)
    expected = MaskedPairsCriterion(MaskedPairsCriterionConfig(), made)(model, sample)[0] / size
    for name, weight in (("recovery", 0.5), ("similarity", 2.0)):
        total, count = OBJECTIVES[name](model, Sides(source, target, criterion.masking.ordinary))
        expected = expected + weight * total / count
    torch.testing.assert_close(loss / size, expected)
    with metrics.aggregate() as found:
        criterion.reduce_metrics([logged])
    assert {"masked_loss", "recovery_loss", "similarity_loss"} <= found.keys()
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    sentences = {**sample, "net_input": {"src_tokens": tokens[tokens.eq(0).sum(dim=1) == 1]}}
    model.zero_grad()
    criterion(model, sentences)[0].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_faults_of_further_objectives(world, tmp_path) -> None:
    made, sample = world
    model = small_dual.model(symbols=made.source_dictionary)
    recovery = MaskedPairsCriterion(MaskedPairsCriterionConfig(masked_objectives="recovery"), made)
    with pytest.raises(ConfigError, match="recovery needs a model with --dual-recovery"):
        recovery(model, sample)
    write_world(tmp_path)
    alone = task(MaskedPairsConfig, tmp_path, dual_pairs=None, dual_langs="aa", masked_mono="aa")
    with pytest.raises(ConfigError, match="--masked-objectives are of sentence pairs"):
        MaskedPairsCriterion(MaskedPairsCriterionConfig(masked_objectives="similarity"), alone)
