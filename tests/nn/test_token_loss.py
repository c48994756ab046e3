"""The loss against its definition in double precision, its gradients against autograd's."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fairseq_xling.nn import token_loss as module
from fairseq_xling.nn.token_loss import token_loss

SYMBOLS, DIM, TOKENS = 37, 8, 23


def given(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(TOKENS, DIM, generator=generator, dtype=dtype, requires_grad=True)
    projection = torch.randn(SYMBOLS, DIM, generator=generator, dtype=dtype, requires_grad=True)
    return states, projection, torch.randint(0, SYMBOLS, (TOKENS,), generator=generator)


def defined(states: Tensor, projection: Tensor, targets: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Token by token, in double precision."""
    loss, nll = torch.zeros((), dtype=torch.double), torch.zeros((), dtype=torch.double)
    spread = smoothing / (SYMBOLS - 1)
    for state, target in zip(states.double(), targets.tolist(), strict=True):
        logs = (projection.double() @ state).log_softmax(dim=0)
        nll = nll - logs[target]
        loss = loss - sum((1 - smoothing if j == target else spread) * logs[j] for j in range(SYMBOLS))
    return loss, nll


@pytest.mark.parametrize("rows", [1, 5, 23, 100])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_values_and_gradients(monkeypatch: pytest.MonkeyPatch, rows: int, smoothing: float) -> None:
    monkeypatch.setattr(module, "ROWS", rows)
    states, projection, targets = given()
    expected = defined(states, projection, targets, smoothing)
    wanted = torch.autograd.grad(3 * expected[0], (states, projection))
    found = token_loss(states, projection, targets, smoothing)
    for mine, right in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, right.float(), rtol=1e-6, atol=0)
    (3 * found[0]).backward()
    torch.testing.assert_close(states.grad, wanted[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(projection.grad, wanted[1], rtol=1e-5, atol=1e-5)
    assert not found[1].requires_grad


def test_equals_fairseq_s() -> None:
    from fairseq.criterions.label_smoothed_cross_entropy import label_smoothed_nll_loss

    states, projection, targets = given()
    logs = (states @ projection.T).log_softmax(dim=1)
    expected = label_smoothed_nll_loss(logs, targets, 0.1)
    for mine, right in zip(token_loss(states, projection, targets, 0.1), expected, strict=True):
        torch.testing.assert_close(mine, right.squeeze(), rtol=1e-6, atol=0)


def test_without_gradients_none_are_made() -> None:
    states, projection, targets = given()
    with torch.no_grad():
        loss, _ = token_loss(states, projection, targets, 0.1)
    assert not loss.requires_grad
    torch.testing.assert_close(loss, token_loss(states, projection, targets, 0.1)[0].detach())


def test_bf16_is_summed_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 2)
    states, projection, targets = given(torch.bfloat16)
    loss, nll = token_loss(states, projection, targets, 0.1)
    assert (loss.dtype, nll.dtype) == (torch.float32, torch.float32)
    torch.testing.assert_close(loss, defined(states, projection, targets, 0.1)[0].float(), rtol=0.02, atol=0)
    loss.backward()
    assert states.grad is not None
    assert projection.grad is not None
    assert (states.grad.dtype, projection.grad.dtype) == (torch.bfloat16, torch.bfloat16)
    exact = torch.autograd.grad(defined(states, projection, targets, 0.1)[0], projection)[0]
    torch.testing.assert_close(projection.grad, exact, rtol=0.05, atol=0.02)


def test_no_token_is_no_loss() -> None:
    states, projection, targets = given()
    loss, nll = token_loss(states[:0], projection, targets[:0], 0.1)
    assert (float(loss), float(nll)) == (0.0, 0.0)
