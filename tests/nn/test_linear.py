"""Which linear layer is taken, and that any of them gives the same."""

from __future__ import annotations

import time

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fairseq_xling.nn.linear import clearly_faster, linear_for, onednn


def slower(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    time.sleep(0.05)
    return functional.linear(x, weight, bias)


def wrong(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.zeros(len(x), len(weight))


def absent(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    raise AttributeError("no such operator")


def test_only_what_is_much_faster_and_right_is_taken() -> None:
    assert clearly_faster(functional.linear, slower)
    assert not clearly_faster(slower, functional.linear)
    assert not clearly_faster(functional.linear, functional.linear)
    assert not clearly_faster(wrong, slower)
    assert not clearly_faster(absent, slower)


def test_the_probe_leaves_the_number_of_threads() -> None:
    threads = torch.get_num_threads()
    clearly_faster(absent, functional.linear)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("bias", [True, False])
def test_onednn_is_a_linear_layer(bias: bool) -> None:
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this PyTorch has no oneDNN")
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(7, 16, generator=generator), torch.randn(5, 16, generator=generator)
    added = torch.randn(5, generator=generator) if bias else None
    with torch.inference_mode():
        expected = (x.double() @ weight.double().T + (0 if added is None else added)).float()
        torch.testing.assert_close(onednn(x, weight, added), expected, atol=1e-5, rtol=1e-5)


def test_other_types_take_pytorch_s_own() -> None:
    assert linear_for(torch.zeros(2, 2, dtype=torch.bfloat16)) is functional.linear
    assert linear_for(torch.zeros(2, 2)) in (functional.linear, onednn)
