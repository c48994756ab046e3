"""fairseq's Adam step for step, and a state that can be put back."""

from __future__ import annotations

import copy

import pytest
import torch
from fairseq.optim.adam import FairseqAdam
from torch import nn

from fairseq_xling.errors import ConfigError
from fairseq_xling.optimizers.fused_adam import FusedAdam, FusedAdamConfig


def config(**named: object) -> FusedAdamConfig:
    values = {"lr": [0.01], "adam_betas": "(0.9, 0.98)", "adam_eps": 1e-8, "weight_decay": 0.1, "tpu": False}
    return FusedAdamConfig(**{**values, **named})  # type: ignore[arg-type]


def steps(model: nn.Module, optimizer: FairseqAdam, numbers: range) -> None:
    for number in numbers:
        rows = torch.randn(8, 5, generator=torch.Generator().manual_seed(number))
        optimizer.zero_grad()
        optimizer.backward(model(rows).square().mean())
        optimizer.step()


def trained(kind: type[FairseqAdam], numbers: range = range(30), **named: object) -> tuple[nn.Module, FairseqAdam]:
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2))
    optimizer = kind(config(**named), list(model.parameters()))
    steps(model, optimizer, numbers)
    return model, optimizer


@pytest.mark.parametrize("eps", [1e-8, 1e-3])
def test_fairseqs_own_adam(eps: float) -> None:
    ours, stock = (trained(kind, adam_eps=eps)[0] for kind in (FusedAdam, FairseqAdam))
    before = trained(FusedAdam, range(0))[0]
    for mine, theirs, first in zip(ours.parameters(), stock.parameters(), before.parameters(), strict=True):
        assert float((mine - first).abs().max()) > 0.05
        torch.testing.assert_close(mine, theirs, atol=2e-6, rtol=0)


def test_its_state_goes_on() -> None:
    straight = trained(FusedAdam)[0]
    model, optimizer = trained(FusedAdam, range(12))
    state = copy.deepcopy(optimizer.state_dict())
    again = FusedAdam(config(), list(model.parameters()))
    again.load_state_dict(state)
    steps(model, again, range(12, 30))
    for one, other in zip(straight.parameters(), model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_it_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match="neither --fp16-adam-stats nor --tpu"):
        FusedAdam(config(fp16_adam_stats=True), [nn.Parameter(torch.zeros(1))])


def test_it_is_registered() -> None:
    from fairseq.optim import OPTIMIZER_REGISTRY

    import fairseq_xling

    fairseq_xling.register()
    assert OPTIMIZER_REGISTRY["fused_adam"] is FusedAdam
