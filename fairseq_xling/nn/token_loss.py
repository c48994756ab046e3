"""Label-smoothed cross-entropy of a tied projection, without ever holding all tokens' scores of a large vocabulary."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

# Rows whose scores are held at a time: enough for a product at full speed, 1 MB a thousand symbols.
ROWS = 256


def token_loss(states: Tensor, projection: Tensor, targets: Tensor, smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
    """Sums over tokens of fairseq's label-smoothed loss and of its nll: `states` [n, dim], `projection` [V, dim].

    With eps for `smoothing`: (1 - eps - e) nll - e sum_j log p_j, where e = eps / (V - 1). `targets` [n] int64. The
    nll has no gradient.
    """
    loss, nll = _TokenLoss.apply(states, projection, targets, smoothing)  # type: ignore[no-untyped-call]
    return loss, nll


class _TokenLoss(torch.autograd.Function):
    """Gradients are made with the loss, portion by portion: a portion's scores are used while they are there."""

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, projection: Tensor, targets: Tensor, smoothing: float
    ) -> tuple[Tensor, Tensor]:
        spread = smoothing / (len(projection) - 1)
        certain = 1.0 - smoothing - spread
        wanted = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        by_states = torch.empty_like(states) if wanted else None
        # In bf16 the sum over portions would lose what a single product keeps.
        by_projection = torch.zeros_like(projection, dtype=torch.float32) if wanted else None
        nll = states.new_zeros((), dtype=torch.float32)
        smooth = nll.clone()
        for start in range(0, len(states), ROWS):
            rows, right = states[start : start + ROWS], targets[start : start + ROWS, None]
            logs = torch.log_softmax(rows @ projection.t(), dim=1, dtype=torch.float32)
            nll -= logs.gather(1, right).sum()
            if smoothing:
                smooth -= logs.sum()
            if by_states is not None and by_projection is not None:
                # d loss / d score_j = p_j - e - (1 - eps - e) [j = target]: the coefficients of log p sum to -1.
                slopes = logs.exp_().sub_(spread) if smoothing else logs.exp_()
                slopes.scatter_add_(1, right, slopes.new_full((), -certain).expand_as(right))
                slopes = slopes.to(states.dtype)
                torch.mm(slopes, projection, out=by_states[start : start + ROWS])
                if slopes.dtype == by_projection.dtype:
                    by_projection.addmm_(slopes.t(), rows)
                else:
                    by_projection += slopes.t() @ rows
        ctx.gradients = by_states, by_projection
        ctx.dtype = projection.dtype
        ctx.mark_non_differentiable(nll)
        return certain * nll + spread * smooth, nll

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        by_states, by_projection = ctx.gradients
        del ctx.gradients  # they hold as much as the projection itself
        return by_states.mul_(given[0]), by_projection.mul_(given[0]).to(ctx.dtype), None, None
