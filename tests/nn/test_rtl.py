"""The head against the numbers of DAP's code, and what must not matter to it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from references.small_bert import Oracle
from torch import Tensor, nn

from fairseq_xling.nn.ranking import Ranking, ranking_losses
from fairseq_xling.nn.rtl import HeadEmbeddings, HeadOutput, Rebuilding, RtlHead

FOLDERS = ["dap", "dap/sine"]
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}


@pytest.fixture(params=[(folder, dtype) for folder in FOLDERS for dtype in TOLERANCE], ids=str)
def oracle(request: pytest.FixtureRequest, oracles: Path) -> Oracle:
    folder, dtype = request.param
    return Oracle(oracles / folder, dtype)


def tolerance(oracle: Oracle) -> float:
    return TOLERANCE[oracle.weights["mlp.dense.weight"].dtype]


def rebuilding(oracle: Oracle, given: int, **more: Tensor) -> Rebuilding:
    """Side `given` of the oracle's pairs is given, the other one rebuilt."""
    states = oracle.states(given)[-1].transpose(0, 1)
    other = 1 - given
    if given == 1:
        more["languages"] = oracle.batch["lang_ids"][:, 0]
    return Rebuilding(
        states, oracle.seen(given), oracle.tokens(other), oracle.seen(other), rebuilds_target=given == 0, **more
    )


def loss(head: RtlHead, given: Rebuilding, mask: int = 4, rows: slice = slice(None)) -> Tensor:
    sums, counts = head(given, mask)
    mean: Tensor = sums[rows].sum() / counts[rows].sum()
    return mean


def test_oracle_states(oracle: Oracle) -> None:
    for side in (0, 1):
        found = oracle.states(side)[-1].transpose(0, 1)
        kept = oracle.attended(side)
        torch.testing.assert_close(
            found[kept].double(), oracle.hidden[:, side][kept], atol=tolerance(oracle), rtol=tolerance(oracle)
        )


def test_oracle_target(oracle: Oracle) -> None:
    found = loss(oracle.head(), rebuilding(oracle, 0))
    assert found.item() == pytest.approx(oracle.expected["rtl_target"], abs=tolerance(oracle))


def test_oracle_target_partial(oracle: Oracle) -> None:
    own = oracle.states(1)[-1].transpose(0, 1)
    found = loss(oracle.head(), rebuilding(oracle, 0, slots=oracle.batch["partial_mask"], own=own))
    assert found.item() == pytest.approx(oracle.expected["rtl_target_partial"], abs=tolerance(oracle))


def test_oracle_source_and_both(oracle: Oracle) -> None:
    head, half = oracle.head(), len(oracle.tokens(0)) // 2
    source, target = rebuilding(oracle, 1), rebuilding(oracle, 0)
    assert loss(head, source).item() == pytest.approx(oracle.expected["rtl_source"], abs=tolerance(oracle))
    both = (loss(head, target, rows=slice(half, None)) + loss(head, source, rows=slice(half))) / 2
    assert both.item() == pytest.approx(oracle.expected["rtl_both"], abs=tolerance(oracle))


def vectors(oracle: Oracle, side: int) -> Tensor:
    """The first token's last state, through the layer that training alone has."""
    first = oracle.states(side)[-1][0]
    return torch.tanh(first @ oracle.weights["mlp.dense.weight"].t() + oracle.weights["mlp.dense.bias"])


def test_oracle_totals_and_gradients(oracle: Oracle) -> None:
    head = oracle.head()  # first: it takes the place of two of the weights
    ranking = Ranking(scale=1 / oracle.config["temperature"])
    rtl = loss(head, rebuilding(oracle, 0))
    total = ranking_losses(vectors(oracle, 0), vectors(oracle, 1), ranking).mean() + 0.1 * rtl
    assert total.item() == pytest.approx(oracle.expected["total_weight_0.1"], abs=tolerance(oracle))
    whole = total + 0.9 * rtl
    assert whole.item() == pytest.approx(oracle.expected["total_weight_1"], abs=tolerance(oracle))
    for name, value in (("total", total), ("rtl_target", rtl)):
        expected = oracle.expected["gradient_l2"][name]
        wanted = [oracle.weights[array] for array in expected]
        gradients = torch.autograd.grad(value, wanted, retain_graph=True, allow_unused=True)
        for (array, norm), gradient in zip(expected.items(), gradients, strict=True):
            found = 0.0 if gradient is None else float(gradient.norm())
            assert found == pytest.approx(norm, abs=tolerance(oracle) * max(1, norm)), (name, array)


# ---- a head of our own size


class Plain(nn.TransformerEncoderLayer):
    """torch's layer as the head calls one."""

    def forward(self, states: Tensor, blocked: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(states, src_key_padding_mask=blocked)


def small_head(layers: int = 2, words: int = 30, dim: int = 8) -> RtlHead:
    torch.manual_seed(4)
    norm = nn.LayerNorm(dim)
    embeddings = HeadEmbeddings(nn.Embedding(words, dim), nn.Embedding(20, dim), norm)
    stack = nn.ModuleList(Plain(dim, 2, 16, dropout=0.0) for _ in range(layers))
    return RtlHead(embeddings, stack, HeadOutput(nn.Linear(dim, dim), nn.LayerNorm(dim), torch.randn(words)))


def small_pairs(first_state: float = 0.0, extra: int = 0) -> Rebuilding:
    """Two pairs with 5 and 4 given, 4 and 3 rebuilt positions; `extra` columns of padding behind the target."""
    generator = torch.Generator().manual_seed(9)
    states = torch.randn(2, 5, 8, generator=generator)
    states[:, 0] += first_state
    tokens = torch.cat([torch.randint(4, 30, (2, 4), generator=generator), torch.ones(2, extra, dtype=torch.long)], 1)
    states_seen = torch.tensor([[0, 1, 1, 1, 1], [0, 1, 1, 1, 0]]).bool()
    seen = torch.tensor([[0, 1, 1, 1], [0, 1, 1, 0]]).bool()
    return Rebuilding(states, states_seen, tokens, torch.cat([seen, torch.zeros(2, extra, dtype=torch.bool)], 1))


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_encoder_gets_gradient_from_every_state_but_the_first_and_pads(layers: int) -> None:
    given = small_pairs()
    given.states.requires_grad_()
    sums, counts = small_head(layers)(given, mask=3)
    assert counts.tolist() == [3, 2]
    (sums.sum() / counts.sum()).backward()
    assert given.states.grad is not None
    reached = given.states.grad.abs().sum(dim=2) > 0
    assert torch.equal(reached, given.states_seen)


def test_the_first_tokens_state_does_not_matter() -> None:
    head = small_head()
    assert torch.equal(head(small_pairs(), 3)[0], head(small_pairs(first_state=100.0), 3)[0])


def test_padding_behind_the_target_does_not_matter() -> None:
    head = small_head()
    torch.testing.assert_close(head(small_pairs(), 3), head(small_pairs(extra=3), 3))


def test_pairs_do_not_see_each_other() -> None:
    head, both = small_head(), small_pairs()
    alone = Rebuilding(both.states[1:], both.states_seen[1:], both.tokens[1:], both.seen[1:])
    torch.testing.assert_close(head(both, 3)[0][1:], head(alone, 3)[0])


def test_a_restricted_vocabulary_is_a_softmax_over_its_words() -> None:
    head, given = small_head(), small_pairs()
    everything = torch.arange(30)
    torch.testing.assert_close(head(given, 3), head(given, 3, everything))
    kept = torch.tensor(sorted({0, 7, 11, *given.tokens[0].tolist()}))
    seen = {}
    hook = head.output.register_forward_hook(lambda _, rows, logits: seen.update(logits=logits, rows=rows[0]))
    sums, counts = head(given, 3, kept)
    hook.remove()
    assert counts[0] == 3
    assert counts[1] == sum(int(token) in kept for token in given.tokens[1, 1:3])
    full = head.output(seen["rows"], head.embeddings.words.weight)
    torch.testing.assert_close(seen["logits"], full[:, kept])
    wanted = [kept.tolist().index(token) for token in given.tokens[0, 1:4].tolist()]
    by_hand = -seen["logits"][:3].log_softmax(dim=1)[torch.arange(3), torch.tensor(wanted)].sum()
    torch.testing.assert_close(sums[0], by_hand)


def test_too_many_positions_are_refused() -> None:
    given = small_pairs(extra=12)
    with pytest.raises(ValueError, match="21 positions, but there are 20"):
        small_head()(given, 3)
