"""The same numbers and gradients as fairseq's criterions, from fewer tokens."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest
import torch
from fairseq.criterions import cross_entropy, label_smoothed_cross_entropy
from references import small_criss
from torch import nn

from fairseq_xling.criterions.token_loss import may_take_targets, of_tokens

SMOOTHED = label_smoothed_cross_entropy.LabelSmoothedCrossEntropyCriterion
PLAIN = cross_entropy.CrossEntropyCriterion
TASK = Namespace(target_dictionary=small_criss.dictionary())


@pytest.fixture
def sample() -> dict[str, Any]:
    symbols = small_criss.dictionary()
    sources, targets = small_criss.sentences([5, 3, 7], symbols), small_criss.sentences([2, 8, 4], symbols, seed=4)
    previous = small_criss.padded([row.roll(1) for row in targets], symbols.pad(), left=False)
    read = small_criss.padded(sources, symbols.pad())
    inputs = {"src_tokens": read, "src_lengths": read.ne(symbols.pad()).sum(1), "prev_output_tokens": previous}
    target = small_criss.padded(targets, symbols.pad(), left=False)
    return {"net_input": inputs, "target": target, "ntokens": sum(map(len, targets))}


@pytest.mark.parametrize("stock", [SMOOTHED(TASK, False, 0.2), SMOOTHED(TASK, True, 0.0), PLAIN(TASK, False)])
def test_fairseq_s_numbers_and_gradients(stock: Any, sample: dict[str, Any]) -> None:
    ours = of_tokens(stock)
    assert type(ours) is not type(stock)
    assert type(ours).__name__ == type(stock).__name__  # what a checkpoint is compared with
    model, gradients, results = small_criss.model(), [], []
    for criterion in (ours, stock):
        model.zero_grad()
        loss, size, logged = criterion(model, sample)
        loss.backward()
        results.append((loss.detach(), size, logged))
        gradients.append({name: parameter.grad.clone() for name, parameter in model.named_parameters()})
    (loss, size, logged), (expected, *others) = results
    torch.testing.assert_close(loss, expected.squeeze(), rtol=1e-6, atol=0)
    assert size == others[0]
    assert logged.keys() == others[1].keys()
    for name, value in logged.items():
        torch.testing.assert_close(torch.as_tensor(value), torch.as_tensor(others[1][name]), rtol=1e-6, atol=0)
    for name, mine in gradients[0].items():
        torch.testing.assert_close(mine, gradients[1][name], atol=1e-5, rtol=1e-4, msg=name)


def test_pads_are_not_projected(sample: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from fairseq_xling.models import criss

    seen = []
    plain = criss.token_loss
    monkeypatch.setattr(criss, "token_loss", lambda states, *more: seen.append(len(states)) or plain(states, *more))
    of_tokens(PLAIN(TASK, False))(small_criss.model(), sample)
    assert seen == [sample["ntokens"]]
    assert sample["target"].numel() > sample["ntokens"]


def test_what_is_asked_beside_stays_fairseq_s() -> None:
    for criterion in (SMOOTHED(TASK, False, 0.1, report_accuracy=True), SMOOTHED(TASK, False, 0.1, 1)):
        assert of_tokens(criterion) is criterion
    other = nn.Identity()
    assert of_tokens(other) is other


def test_models_that_cannot_take_targets(sample: dict[str, Any]) -> None:
    """fairseq's own model, fp16 and autocast go fairseq's way, to the same value."""
    ours, model = of_tokens(SMOOTHED(TASK, False, 0.2)), small_criss.model()
    stock = small_criss.stock_model()
    stock.load_state_dict(model.state_dict())
    torch.testing.assert_close(ours(stock, sample)[0].squeeze(), ours(model, sample)[0], rtol=1e-5, atol=0)
    assert may_take_targets(model)
    assert not may_take_targets(stock)
    with torch.autocast("cpu", torch.bfloat16):
        assert not may_take_targets(model)
    assert may_take_targets(model.bfloat16())
    assert not may_take_targets(model.half())
    each = ours(small_criss.model(), sample, reduce=False)[0]
    assert each.numel() == sample["target"].numel()
