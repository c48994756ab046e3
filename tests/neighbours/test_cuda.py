"""The search for GPUs, on the processor: the kernel's lists bit for bit, whatever the precision, devices and tiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references.unit_vectors import Float32, falling, two_sides, unit

from fairseq_xling.errors import MissingDependencyError, XlingError
from fairseq_xling.neighbours import cuda
from fairseq_xling.neighbours.cuda import Devices, product_slack, search_cuda, search_on
from fairseq_xling.neighbours.kernel import Neighbours, SearchConfig, search

PRECISIONS = ("fp32", "tf32", "bf16")
CPU = torch.device("cpu")


def assert_same(one: Neighbours, other: Neighbours) -> None:
    np.testing.assert_array_equal(one.forward_ids, other.forward_ids)
    np.testing.assert_array_equal(one.backward_ids, other.backward_ids)
    assert one.forward_cosines.tobytes() == other.forward_cosines.tobytes()
    assert one.backward_cosines.tobytes() == other.backward_cosines.tobytes()


@settings(max_examples=100, deadline=None)
@given(
    two_sides(),
    st.integers(1, 9),
    st.sampled_from(PRECISIONS),
    st.integers(1, 3),
    st.integers(1, 45),
    st.integers(1, 45),
)
def test_is_the_kernel(
    sides: tuple[Float32, Float32], k: int, precision: cuda.Precision, count: int, rows: int, columns: int
) -> None:
    found = search_on(Devices((CPU,) * count, precision, rows, columns), *sides, k)
    assert_same(found, search(*sides, SearchConfig(k)))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_most_pairs_are_ruled_out(precision: cuda.Precision) -> None:
    source, target = falling(1500, 1200, 64, 1)
    steps = list[int]()
    found = search_on(Devices((CPU, CPU), precision, 200, 500), source, target, 4, steps.append)
    assert_same(found, search(source, target, SearchConfig(4)))
    assert found.report.finished < 0.1
    assert sum(steps) == 1500 * 1200
    assert len(steps) == 8
    assert (found.report.precision, found.report.backend) == (precision, "cpu, cpu")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_slack_covers_rounded_operands(precision: cuda.Precision) -> None:
    """We round to bf16 ourselves, to nearest; to tf32 the GPU may as well cut, all elements in one direction."""
    generator = np.random.default_rng(0)
    rows = np.abs(unit(generator.standard_normal((40, 300))))
    cut = (rows.view(np.uint32) >> 13 << 13).view(np.float32) if precision == "tf32" else rows
    if precision == "bf16":
        cut = torch.from_numpy(rows).bfloat16().float().numpy()
    exact = rows.astype(np.float64) @ rows.T.astype(np.float64)
    error = np.abs(cut.astype(np.float64) @ cut.T.astype(np.float64) - exact).max()
    slack = product_slack(precision, 300, 1.0, 1.0)
    assert error < slack
    assert slack < {"fp32": 1e-3, "tf32": 5e-3, "bf16": 1e-2}[precision]


def test_products_that_break_their_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = falling(90, 80, 64, 2)
    plain = cuda._Search._products
    monkeypatch.setattr(cuda._Search, "_products", lambda self, left, right: plain(left, right) + 1e-3)
    with pytest.raises(XlingError, match="fp32 products on cpu are less exact"):
        search_on(Devices((CPU,), "fp32"), source, target, 4)


def test_without_a_gpu_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MissingDependencyError, match="--device cuda needs a GPU"):
        search_cuda(*falling(9, 9, 8, 3), SearchConfig(4))


def test_all_gpus_are_used_and_auto_is_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[Devices]()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(cuda, "search_on", lambda where, *rest: asked.append(where))
    for precision in ("auto", "fp32", "bf16"):
        search_cuda(*falling(9, 9, 8, 4), SearchConfig(4, precision=precision))
    assert [(where.precision, [str(device) for device in where.devices]) for where in asked] == [
        (precision, ["cuda:0", "cuda:1", "cuda:2"]) for precision in ("tf32", "fp32", "bf16")
    ]


def test_arithmetic_is_as_it_was_afterwards() -> None:
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32, matmul.allow_bf16_reduced_precision_reduction
    with cuda._arithmetic("tf32"):
        assert (matmul.allow_tf32, matmul.allow_bf16_reduced_precision_reduction) == (True, False)
    assert (matmul.allow_tf32, matmul.allow_bf16_reduced_precision_reduction) == before
