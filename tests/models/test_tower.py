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
