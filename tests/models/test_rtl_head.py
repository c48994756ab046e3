"""The head begins as a copy of the tower's end, with parameters of its own."""

from __future__ import annotations

import pytest
import torch
from references import small_dual

from fairseq_xling.nn.rtl import Rebuilding


@pytest.mark.parametrize("tower", ["xlmr", "mbart"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_copies_of_the_last_layers(tower: str, layers: int) -> None:
    model = small_dual.model(rtl_layers=layers, dual_tower=tower)
    head, encoder = model.rtl_head, model.encoder
    assert head is not None
    for number in range(layers):
        theirs = encoder.sentence_encoder.layers[3 - layers + number].state_dict()
        ours = head.layers[number].state_dict()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert torch.equal(head.embeddings.words.weight, encoder.sentence_encoder.embed_tokens.weight)
    assert torch.equal(head.embeddings.positions.weight, encoder.sentence_encoder.embed_positions.weight[2:])
    assert torch.equal(head.output.dense.weight, encoder.lm_head.dense.weight)
    assert (head.final_norm is not None) == (tower == "mbart")
    assert head.embeddings.scale == (1.0 if tower == "xlmr" else 4.0)
    assert head.languages is not None
    assert head.languages.weight.shape == (2, 16)
    mine = {parameter.data_ptr() for parameter in head.parameters()}
    assert not mine & {parameter.data_ptr() for parameter in encoder.parameters()}


def test_with_all_layers_and_no_slots_the_head_is_the_towers_end() -> None:
    """What the head makes of states is what the tower's last layers make of the same, embedded: written out."""
    model = small_dual.model(rtl_layers=1)
    head, tower = model.rtl_head, model.encoder.sentence_encoder
    assert head is not None
    generator = torch.Generator().manual_seed(2)
    given = torch.randn(1, 3, 16, generator=generator)
    seen = torch.ones(1, 3, dtype=torch.bool)
    words = torch.tensor([[5, 6, 7]])
    sums, counts = head.eval()(Rebuilding(given, seen, words, seen), mask=model.encoder.dictionary.index("<mask>"))

    def embedded(vectors: torch.Tensor) -> torch.Tensor:
        return tower.layernorm_embedding(vectors + tower.embed_positions.weight[2 : 2 + vectors.size(1)])

    mask = tower.embed_tokens.weight[model.encoder.dictionary.index("<mask>")].expand(1, 3, -1)
    states = embedded(torch.cat([given, embedded(mask)], dim=1)).transpose(0, 1)
    states = tower.layers[-1](states, encoder_padding_mask=None).transpose(0, 1)[:, 3:]
    logits = model.encoder.lm_head(states[0])
    expected = -logits.log_softmax(dim=1)[torch.arange(3), words[0]].sum()
    torch.testing.assert_close(sums[0], expected)
    assert counts.tolist() == [3]
