"""Translation ranking against the numbers of both oracles and, in two processes, against one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from references.ranks import Case, one_rank, two_ranks
from references.small_bert import Oracle
from torch import Tensor
from torch.nn import functional

from fairseq_xling.nn.ranking import Ranking, ranking_losses


def inputs(oracles: Path, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    arrays = np.load(oracles / "ams" / "inputs.npz")
    source, target, hard = (torch.from_numpy(arrays[name]).to(dtype) for name in ("x", "y", "hard"))
    return source, target, hard


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_oracle_additive_margin(oracles: Path, dtype: torch.dtype, tolerance: float) -> None:
    source, target, hard = inputs(oracles, dtype)
    cases = json.loads((oracles / "ams" / "expected.json").read_text())["cases"]
    assert len(cases) >= 10
    for case in cases:
        more = hard if case["hard_negatives"] else None
        margin_on = case["margin_applied"].removeprefix("margin_on_")
        for direction, combine, name in [
            ("forward", "mean", "forward"),
            ("backward", "sum", "backward"),
            ("both", "sum", "sum"),
            ("both", "mean", "mean"),
        ]:
            ranking = Ranking(case["scale"], case["margin"], margin_on, direction, combine)
            found = ranking_losses(source, target, ranking, more).mean().item()
            assert found == pytest.approx(case[name], abs=tolerance * max(1, abs(case[name]))), (case, name)


@pytest.mark.parametrize("folder", ["dap", "dap/sine"])
def test_oracle_translation_ranking(oracles: Path, folder: str) -> None:
    oracle = Oracle(oracles / folder, torch.float64)
    weight, bias = oracle.weights["mlp.dense.weight"], oracle.weights["mlp.dense.bias"]
    source, target = (torch.tanh(oracle.states(side)[-1][0] @ weight.t() + bias) for side in (0, 1))
    cosines = functional.normalize(source) @ functional.normalize(target).t()
    torch.testing.assert_close(cosines, torch.tensor(oracle.expected["cosine_matrix"], dtype=torch.float64))
    for name, direction, margin in [
        ("tr_forward", "forward", 0.0),
        ("tr_both", "both", 0.0),
        ("tr_forward_margin_on_logits", "forward", oracle.config["logit_margin"]),
        ("tr_both_margin_on_logits", "both", oracle.config["logit_margin"]),
    ]:
        ranking = Ranking(1 / oracle.config["temperature"], margin, "logit", direction)
        found = ranking_losses(source, target, ranking).mean().item()
        assert found == pytest.approx(oracle.expected[name], abs=1e-6), name


def test_lengths_and_order_do_not_matter() -> None:
    generator = torch.Generator().manual_seed(3)
    source, target = (torch.randn(7, 5, generator=generator) for _ in range(2))
    ranking = Ranking(direction="both", margin=0.3)
    losses = ranking_losses(source, target, ranking)
    lengths = torch.linspace(0.2, 9, 7)[:, None]
    torch.testing.assert_close(ranking_losses(source * lengths, target, ranking), losses)
    order = torch.randperm(7, generator=generator)
    torch.testing.assert_close(ranking_losses(source[order], target[order], ranking), losses[order])
    rotation = torch.linalg.qr(torch.randn(5, 5, generator=generator))[0]
    torch.testing.assert_close(ranking_losses(source @ rotation, target @ rotation, ranking), losses)


CASES = [Case(sizes, hard, chunk) for sizes in ((4, 4), (5, 3), (8, 0)) for hard in (0, 2) for chunk in (None, 2)]


@pytest.fixture(scope="module")
def on_two_ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[Case, dict[str, Tensor]]:
    cases = [*CASES, Case((4, 4), share=False)]
    return dict(zip(cases, two_ranks(tmp_path_factory.mktemp("ranks"), cases), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_two_processes_are_one(case: Case, on_two_ranks: dict[Case, dict[str, Tensor]]) -> None:
    """Loss and gradient of every parameter, with ranks of unequal sizes, one without a pair included."""
    alone, together = one_rank(case.hard), on_two_ranks[case]
    assert together["loss"].item() == pytest.approx(alone["loss"].item(), abs=1e-6)
    assert len(alone) == 5
    assert alone.keys() == together.keys()
    for name, value in alone.items():
        assert float(value.abs().max()) > 1e-3
        torch.testing.assert_close(together[name], value, atol=1e-5, rtol=0, msg=name)


def test_without_sharing_ranks_are_alone(on_two_ranks: dict[Case, dict[str, Tensor]]) -> None:
    found = on_two_ranks[Case((4, 4), share=False)]["loss"]
    assert one_rank(0)["loss"].item() - found.item() > 0.1  # fewer candidates
