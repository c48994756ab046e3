"""A stacked model's layers are copies, and it still says what its parts say."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fairseq_xling.nn.stacking import depth_of, stacked


class Tower(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 3)
        self.layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(depth))

    def forward(self, tokens: Tensor, rounds: int = 1) -> Tensor:
        states = self.embed(tokens)
        for _ in range(rounds):
            for layer in self.layers:
                states = torch.tanh(layer(states))
        return states


@pytest.mark.parametrize("depth", [2, 4, 8, 12])
def test_a_stack_is_the_shallow_model_run_again(depth: int) -> None:
    """Layer i is layer i mod 2, so the deep model's output is the shallow one's, applied depth / 2 times."""
    shallow, deep = Tower(2), Tower(depth)
    deep.load_state_dict(stacked(shallow.state_dict(), "layers.", depth))
    tokens = torch.arange(7)
    torch.testing.assert_close(deep(tokens), shallow(tokens, rounds=depth // 2))
    assert torch.equal(deep.embed.weight, shallow.embed.weight)


def test_copies_are_trained_apart() -> None:
    state = stacked(Tower(1).state_dict(), "layers.", 3)
    state["layers.0.weight"] += 1
    assert torch.equal(state["layers.1.weight"], state["layers.2.weight"])
    assert not torch.equal(state["layers.0.weight"], state["layers.1.weight"])


def test_depth_must_be_a_multiple() -> None:
    state = Tower(4).state_dict()
    assert depth_of(state, "layers.") == 4
    assert depth_of(state, "encoder.layers.") == 0
    with pytest.raises(ValueError, match="6 layers cannot be stacked from 4"):
        stacked(state, "layers.", 6)
    with pytest.raises(ValueError, match="from 0"):
        stacked(state, "encoder.layers.", 4)
