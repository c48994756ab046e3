"""Which linear layer is taken, and that any of them gives the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fairseq_xling.nn import linear
from fairseq_xling.nn.linear import gives_the_same, linear_for, maker, onednn


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    """What is known of this processor is forgotten before and after."""
    linear._onednn_pays.cache_clear()
    yield
    linear._onednn_pays.cache_clear()


def wrong(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.zeros(len(x), len(weight))


def absent(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    raise AttributeError("no such operator")


def test_only_what_computes_a_linear_layer_is_taken() -> None:
    assert gives_the_same(functional.linear)
    assert not gives_the_same(wrong)
    assert not gives_the_same(absent)


@pytest.mark.parametrize(
    ("named", "capability", "taken"),
    [
        ("AuthenticAMD", "AVX512", True),
        ("AuthenticAMD", "AVX2", False),
        ("GenuineIntel", "AVX512", False),
        ("", "DEFAULT", False),
    ],
)
def test_the_processor_decides(monkeypatch: pytest.MonkeyPatch, named: str, capability: str, taken: bool) -> None:
    monkeypatch.setattr(linear, "maker", lambda: named)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(linear, "gives_the_same", lambda other: other is onednn)
    assert linear_for(torch.zeros(2, 2)) is (onednn if taken else functional.linear)
    assert linear_for(torch.zeros(2, 2, dtype=torch.bfloat16)) is functional.linear


def test_the_maker_is_one_word() -> None:
    assert len(maker().split()) <= 1


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
