"""Masked losses against log-softmax by hand, and which sides are rebuilt, with parts hidden or given."""

from __future__ import annotations

import torch
from references import small_dual
from torch import Tensor

from fairseq_xling.models._pair_losses import Rebuilder, masked_losses


def test_masked_losses_by_hand() -> None:
    model = small_dual.model()
    symbols = model.encoder.dictionary
    tokens = small_dual.padded(small_dual.sentences([5, 3], symbols), symbols.pad())
    asked = torch.full_like(tokens, symbols.pad())
    asked[0, 2], asked[0, 4], asked[1, 1] = tokens[0, 2], tokens[0, 4], tokens[1, 1]
    read = tokens.masked_fill(asked.ne(symbols.pad()), symbols.index("<mask>"))
    sums, counts = masked_losses(model.encoder, read, asked, torch.zeros(2))
    scores = model.encoder(read)[0].log_softmax(dim=2)
    expected = [
        -sum(scores[row, place, tokens[row, place]] for place in places) for row, places in ((0, [2, 4]), (1, [1]))
    ]
    torch.testing.assert_close(sums, torch.stack(expected))  # type: ignore[arg-type]
    assert counts.tolist() == [2, 1]
    assert [part.tolist() for part in masked_losses(model.encoder, None, None, torch.zeros(2))] == [[0, 0], [0, 0]]


def rebuilt(forward: list[bool], slots: Tensor | None = None, hidden: Tensor | None = None) -> list[Tensor]:
    model = small_dual.model(rtl_layers=2)
    symbols = model.encoder.dictionary
    source, batch = small_dual.pairs(symbols)
    sides = source, batch.target
    states = [model.encoder.states(side, False)[-1].transpose(0, 1) for side in sides]
    assert model.rtl_head is not None
    plan = [torch.tensor(forward), torch.tensor([0, 1, 0, 1]), slots, hidden]
    return Rebuilder(model.rtl_head, symbols).losses(sides, states, plan)


def test_each_row_has_its_direction() -> None:
    target, source = rebuilt([True] * 4), rebuilt([False] * 4)
    # Words and `</s>` of the rebuilt side; `<s>` does not count.
    assert target[1].tolist() == [5, 5, 4, 8]
    assert source[1].tolist() == [4, 7, 3, 6]
    mixed = rebuilt([True, False, False, True])
    for row, whole in enumerate([target, source, source, target]):
        torch.testing.assert_close(mixed[0][row], whole[0][row])
        assert mixed[1][row] == whole[1][row]


def test_parts_that_are_given_or_hidden() -> None:
    everything = rebuilt([True] * 4)
    slots, hidden = torch.zeros(4, 9, dtype=torch.bool), torch.zeros(4, 9, dtype=torch.bool)
    unhidden = rebuilt([True] * 4, hidden=hidden)
    torch.testing.assert_close(unhidden, everything)
    hidden[1, 2] = True
    changed = rebuilt([True] * 4, hidden=hidden)[0]
    assert torch.equal(changed.ne(everything[0]), torch.tensor([False, True, False, False]))
    slots[:, 1] = True
    assert rebuilt([True] * 4, slots=slots)[1].tolist() == [1, 1, 1, 1]
