"""Each objective against the plain expression; names and weights; one more is one function."""

from __future__ import annotations

import pytest
import torch
from references import small_dual

from fairseq_xling.criterions.masked_objectives import OBJECTIVES, Sides, objective, parse_objectives
from fairseq_xling.errors import ConfigError
from fairseq_xling.nn.ranking import Ranking, ranking_losses


def sides(symbols) -> Sides:
    source = small_dual.padded(small_dual.sentences([4, 2], symbols), symbols.pad())
    target = small_dual.padded(small_dual.sentences([3, 5], symbols, seed=5), symbols.pad())
    return Sides(source, target, (symbols.nspecial, symbols.index("<mask>")))


def test_word_recovery_written_out() -> None:
    model = small_dual.model(dual_recovery=True)
    given, symbols = sides(model.encoder.dictionary), model.encoder.dictionary
    total, count = OBJECTIVES["recovery"](model, given)
    assert count == 6
    tower, words = model.encoder.sentence_encoder, model.encoder.sentence_encoder.embed_tokens.weight
    expected = 0.0
    for source, target in zip(given.source, given.target, strict=True):
        source, target = source[source.ne(symbols.pad())], target[target.ne(symbols.pad())]
        read = words[source].clone()
        others = words[target[1:-1]]
        for place in range(1, len(source) - 1):
            read[place] = (words[source[place]] @ others.t() / 4).softmax(dim=0) @ others  # 4: root of 16 dimensions
        states = tower(source[None], token_embeddings=read[None])["encoder_out"][0][1:-1, 0]
        scores = model.encoder.lm_head(states).log_softmax(dim=1)
        expected -= float(scores[torch.arange(len(source) - 2), source[1:-1]].sum().detach())
    assert total.item() == pytest.approx(expected, abs=1e-3)
    total.backward()
    assert bool(model.recovery_head.product.grad.any())
    assert bool(words.grad.any())


def test_pairs_without_words_are_left_out() -> None:
    model = small_dual.model(dual_recovery=True)
    given = sides(model.encoder.dictionary)
    empty = torch.tensor([[0, 2, 1, 1]])
    total, count = OBJECTIVES["recovery"](model, Sides(empty, given.target[:1], given.ordinary))
    assert (total.item(), count) == (0, 0)


def test_similarity_is_the_ranking_of_the_two_sides() -> None:
    model = small_dual.model(dual_pooling="mean")
    given = sides(model.encoder.dictionary)
    total, count = OBJECTIVES["similarity"](model, given)
    vectors = [model.sentence_vectors(side) for side in (given.source, given.target)]
    expected = ranking_losses(vectors[0], vectors[1], Ranking(direction="both")).sum()
    torch.testing.assert_close(total, expected)
    assert count == 2


def test_names_and_weights() -> None:
    assert parse_objectives(None) == {}
    assert parse_objectives("similarity:0.1, recovery") == {"similarity": 0.1, "recovery": 1.0}
    with pytest.raises(ConfigError, match="3 faults: .*`guess` is not one of recovery, similarity.*a number.*above 0"):
        parse_objectives("guess,recovery:x,similarity:0")


def test_another_objective_is_one_function(monkeypatch) -> None:
    monkeypatch.setattr("fairseq_xling.criterions.masked_objectives.OBJECTIVES", dict(OBJECTIVES))

    @objective("length")
    def length(model, given):
        return given.source.float().sum() * 0, 1

    assert parse_objectives("length:2") == {"length": 2.0}
