"""Chunks give the loss and the gradient of the whole batch, and keep fewer activations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fairseq_xling.nn.gradcache import in_chunks
from fairseq_xling.nn.ranking import Ranking, ranking_losses


class Counting(nn.Module):
    """A layer that counts the rows it is called with."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.inner = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 3)).double()
        self.calls = list[int]()

    def forward(self, rows: Tensor) -> Tensor:
        self.calls.append(len(rows))
        found: Tensor = self.inner(rows)
        return found


def loss_and_gradient(size: int | None) -> tuple[float, list[Tensor], list[int]]:
    model = Counting()
    generator = torch.Generator().manual_seed(6)
    rows = [torch.randn(7, 4, generator=generator).double() for _ in range(2)]
    source, target = in_chunks(lambda one, two: (model(one), model(two)), rows, size)
    loss = ranking_losses(source, target, Ranking(direction="both")).mean()
    loss.backward()
    return loss.item(), [p.grad for p in model.parameters() if p.grad is not None], model.calls


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_same_as_without(size: int) -> None:
    loss, gradients, calls = loss_and_gradient(None)
    chunked, found, more_calls = loss_and_gradient(size)
    assert chunked == pytest.approx(loss, abs=1e-9)
    assert len(found) == len(gradients) == 4
    for one, other in zip(gradients, found, strict=True):
        torch.testing.assert_close(other, one, atol=1e-9, rtol=0)
    assert calls == [7, 7]
    assert max(more_calls) == min(size, 7)
    assert sum(more_calls) == 2 * 14  # once forward, once again for the gradient


def test_dropout_is_the_same_both_times() -> None:
    weight = torch.ones(1, requires_grad=True)

    def dropped(rows: Tensor) -> tuple[Tensor, ...]:
        return (nn.functional.dropout(rows * weight, 0.5),)

    torch.manual_seed(8)
    (found,) = in_chunks(dropped, [torch.ones(6, 50)], 2)
    found.sum().backward()
    # The gradient counts the places that were kept: it is the sum itself only if they are the same ones.
    assert weight.grad is not None
    assert weight.grad.item() == pytest.approx(found.sum().item())


def test_activations_of_one_chunk_are_alive_at_a_time() -> None:
    def saved(size: int | None) -> int:
        kept = 0

        def pack(tensor: Tensor) -> Tensor:
            nonlocal kept
            kept += tensor.numel()
            return tensor

        layer = nn.Sequential(*(nn.Linear(4, 4) for _ in range(20)))
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            in_chunks(lambda rows: (layer(rows),), [torch.randn(64, 4)], size)
        return kept

    assert saved(8) < saved(None) / 4


def test_rows_that_are_not_there() -> None:
    def twice(rows: Tensor, nothing: Tensor | None) -> tuple[Tensor, ...]:
        assert nothing is None
        return (2 * rows,)

    rows = torch.randn(5, 2, requires_grad=True)
    assert torch.equal(in_chunks(twice, [rows, None], 2)[0], 2 * rows)
