"""Block products: what is chosen keeps its bound."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from references.unit_vectors import unit

from fairseq_xling.errors import XlingError
from fairseq_xling.neighbours import gemm
from fairseq_xling.neighbours.gemm import Gemm


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("probe", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 1), (40, 70, 33), (300, 200, 128)])
def test_the_chosen_product_is_the_product(precision: str, probe: bool, shape: tuple[int, int, int]) -> None:
    n, m, dim = shape
    generator = np.random.default_rng(0)
    left, right = (torch.from_numpy(unit(generator.standard_normal((rows, dim)))) for rows in (n, m))
    if precision == "bf16":
        left, right = left.bfloat16(), right.bfloat16()
    chosen = gemm.choose(precision, left, right, probe)
    assert chosen.holds(left, right)
    found = chosen.multiply(left, right, torch.empty(n, m))
    assert found.dtype == torch.float32
    exact = left.double() @ right.double().T
    assert float((found - exact).abs().max()) < (1e-6 if precision == "fp32" else 5e-3)


def test_a_product_that_is_wrong_is_not_used() -> None:
    left = torch.eye(70)
    wrong = Gemm("wrong", lambda a, b, out: a @ b.T + 1e-3)
    assert not wrong.holds(left, left)


def test_without_a_product_that_holds_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemm, "_KNOWN", {"fp32": (Gemm("wrong", lambda a, b, out: a @ b.T + 1e-3),)})
    with pytest.raises(XlingError, match="cannot be proven"):
        gemm.choose("fp32", torch.eye(3), torch.eye(3), probe=False)


def test_costs_are_positive() -> None:
    assert 0 < gemm.seconds_per_coordinate("fp32") < 1e-6
