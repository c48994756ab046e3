"""Loss over exactly the tokens that are asked for; the same ones in every validation."""

from __future__ import annotations

import pytest
import torch
from fairseq import metrics
from references import small_dual
from references.dual_world import task, write_world

from fairseq_xling.criterions.masked_pairs import MaskedPairsCriterion, MaskedPairsCriterionConfig
from fairseq_xling.errors import ConfigError
from fairseq_xling.nn.masking import masked_tokens
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
