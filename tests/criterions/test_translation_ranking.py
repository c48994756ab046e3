"""The criterion hands its options to nn as they are: loss against the functions, spare batches, faults."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from fairseq import metrics
from references import small_dual
from references.dual_world import task, write_world
from torch.nn.functional import normalize

from fairseq_xling.criterions.translation_ranking import TranslationRankingConfig, TranslationRankingCriterion
from fairseq_xling.errors import ConfigError
from fairseq_xling.nn.ranking import Ranking, ranking_losses
from fairseq_xling.tasks._dual_options import DualAlignmentConfig


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    made = task(DualAlignmentConfig, folder)
    made.load_dataset("train")
    data = made.dataset("train")
    return made, data.collater([data[i] for i in range(0, 80, 9)])


def criterion(made, **named):
    return TranslationRankingCriterion(TranslationRankingConfig(**named), made)


def test_defaults_are_daps() -> None:
    cfg = TranslationRankingConfig()
    assert (cfg.ranking_scale, cfg.ranking_direction, cfg.ranking_combine) == (20.0, "forward", "mean")
    assert (cfg.ranking_margin, cfg.tlm_weight) == (0.0, 0.0)
    assert all(not isinstance(field.type, str) for field in dataclasses.fields(cfg))


@pytest.mark.parametrize("training", [True, False])
def test_loss(world, training) -> None:
    made, sample = world
    model = small_dual.model(symbols=made.source_dictionary, dual_train_head=True).train(training)
    named = {"ranking_scale": 10.0, "ranking_margin": 0.3, "ranking_direction": "both", "ranking_combine": "sum"}
    loss, size, logged = criterion(made, **named)(model, sample)
    vectors = [model.sentence_vectors(sample["net_input"]["src_tokens"]), model.sentence_vectors(sample["target"])]
    if training:
        vectors = [model.train_head(side) for side in vectors]
    cosines = normalize(vectors[0]) @ normalize(vectors[1]).t()
    logits = 10 * (cosines - 0.3 * torch.eye(9))
    own = torch.arange(9)
    expected = -(logits.log_softmax(1)[own, own] + logits.log_softmax(0)[own, own]).sum()
    assert size == 9
    torch.testing.assert_close(loss, expected)
    assert logged["loss"].item() == logged["ranking"].item() == pytest.approx(expected.item())


def test_hard_negatives_and_chunks(world) -> None:
    made, sample = world
    model = small_dual.model(symbols=made.source_dictionary)
    hard = sample["target"].roll(3, 0)[:, None]
    vectors = [
        model.sentence_vectors(rows) for rows in (sample["net_input"]["src_tokens"], sample["target"], hard[:, 0])
    ]
    expected = ranking_losses(vectors[0], vectors[1], Ranking(), vectors[2][:, None]).sum()
    for chunk in (None, 2):
        loss, _, _ = criterion(made, ranking_chunk=chunk)(model, {**sample, "hard": hard})
        torch.testing.assert_close(loss, expected)


def test_tlm_asks_for_masked_tokens_of_both_sides(world) -> None:
    made, sample = world
    model = small_dual.model(symbols=made.source_dictionary)
    both = criterion(made, tlm_weight=0.5)
    batch = both.batch(model, sample["net_input"]["src_tokens"], sample)
    bos, pad = made.source_dictionary.bos(), made.source_dictionary.pad()
    assert (batch.masked == bos).sum(dim=1).tolist() == [2] * 9
    asked = batch.asked.ne(pad)
    assert 0.05 < float(asked.float().sum() / batch.masked.ne(pad).sum()) < 0.3
    loss, _, logged = both(model, sample)
    assert loss.item() == pytest.approx(logged["ranking"].item() + 0.5 * logged["tlm"].item())
    logits = model(batch.masked)[0].log_softmax(dim=2)
    mean = -logits[asked].gather(1, batch.asked[asked][:, None]).mean()
    assert logged["tlm"].item() / 9 == pytest.approx(mean.item(), abs=1e-5)
    assert both(model, sample)[0].item() == loss.item()  # in validation always the same tokens


def test_a_spare_batch_adds_nothing(world) -> None:
    made, sample = world
    model = small_dual.model(symbols=made.source_dictionary).train()
    loss, size, _ = criterion(made, tlm_weight=0.1)(model, {**sample, "ignored": True})
    loss.backward()
    assert (loss.item(), size) == (0, 0)
    gradients = [p.grad for p in model.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)


def test_logged_means(world) -> None:
    made, sample = world
    model = small_dual.model(symbols=made.source_dictionary)
    both = criterion(made, tlm_weight=0.5)
    outputs = [both(model, sample)[2] for _ in range(2)]
    with metrics.aggregate() as found:
        TranslationRankingCriterion.reduce_metrics(outputs)
    values = found.get_smoothed_values()
    assert values["ranking_loss"] == pytest.approx(outputs[0]["ranking"].item() / 9, abs=1e-4)
    assert values["loss"] == pytest.approx(values["ranking_loss"] + 0.5 * values["tlm_loss"], abs=1e-3)


def test_faults(world, tmp_path) -> None:
    made, _ = world
    with pytest.raises(ConfigError, match="3 faults: --ranking-margin-on must be one of cosine, logit"):
        criterion(made, ranking_margin_on="angle", ranking_scale=0.0, ranking_chunk=0)
    write_world(tmp_path)
    other = task(DualAlignmentConfig, tmp_path, dual_style="none")
    with pytest.raises(ConfigError, match="--tlm-weight needs --dual-style first"):
        criterion(other, tlm_weight=0.1)
