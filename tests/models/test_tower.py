"""Positions restart at each `<s>`, against a loop; the tower is fairseq's XLM-R."""

from __future__ import annotations

import torch
from fairseq import utils
from fairseq.models.roberta import RobertaEncoder
from references import small_dual

from fairseq_xling.models._tower import restarting_positions


def slow_positions(tokens: list[int], pad: int, bos: int) -> list[int]:
    found, here = [], 0
    for place, token in enumerate(tokens):
        here = 0 if token == bos and any(t != pad for t in tokens[:place]) else here
        here += token != pad
        found.append(pad if token == pad else pad + here)
    return found


def test_restarting_positions() -> None:
    rows = [[0, 5, 6, 2, 0, 7, 2, 1], [1, 1, 0, 5, 2, 0, 6, 2], [5, 6, 2, 1, 1, 1, 1, 1], [0, 5, 6, 7, 8, 2, 1, 1]]
    found = restarting_positions(torch.tensor(rows), pad=1, bos=0)
    assert found.tolist() == [slow_positions(row, 1, 0) for row in rows]
    assert found[0].tolist() == [2, 3, 4, 5, 2, 3, 4, 1]
    one = torch.tensor(rows[2:])
    assert torch.equal(restarting_positions(one, 1, 0), utils.make_positions(one, 1))


def test_same_states_as_fairseqs_xlmr() -> None:
    model = small_dual.model()
    symbols = model.encoder.dictionary
    stock = RobertaEncoder(small_dual.options(), symbols).eval()
    state = {**stock.state_dict(), **model.encoder.state_dict()}
    stock.load_state_dict(state)
    tokens = small_dual.padded(small_dual.sentences([3, 6, 1], symbols), symbols.pad())
    there = tokens.ne(symbols.pad())
    expected = stock.extract_features(tokens)[0]
    found = model.encoder.states(tokens, all_layers=True)
    assert len(found) == 4
    torch.testing.assert_close(found[-1].transpose(0, 1)[there], expected[there], atol=1e-5, rtol=0)
    assert torch.equal(found[-1], model.encoder.states(tokens, all_layers=False)[0])
    logits = model(tokens, masked_tokens=there)[0]
    torch.testing.assert_close(logits, stock(tokens, masked_tokens=there)[0], atol=1e-4, rtol=0)


def test_sides_together_are_sides_alone() -> None:
    """Batches of different lengths go through the layers at once, in every layer and with gradients."""
    model = small_dual.model()
    symbols = model.encoder.dictionary
    sides = [small_dual.padded(small_dual.sentences(n, symbols), symbols.pad()) for n in ([3, 6, 1], [2, 2])]
    together = model.encoder.states_of(sides, all_layers=True)
    total = sum(state.square().sum() for side in together for state in side)
    found = torch.autograd.grad(total, list(model.encoder.sentence_encoder.layers.parameters()))
    alone = [model.encoder.states(side, all_layers=True) for side in sides]
    for one, other in zip(together, alone, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=0)
    total = sum(state.square().sum() for side in alone for state in side)
    expected = torch.autograd.grad(total, list(model.encoder.sentence_encoder.layers.parameters()))
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-3, rtol=1e-4)


def test_pads_have_no_state() -> None:
    model = small_dual.model()
    symbols = model.encoder.dictionary
    tokens = small_dual.padded(small_dual.sentences([3, 6], symbols), symbols.pad(), left=True)
    last = model.encoder.states(tokens, all_layers=False)[0].transpose(0, 1)
    assert not last[tokens.eq(symbols.pad())].any()
