"""The criterion rtl: TR only, TR+TLM and TR+RTL by options; directions, ratio, hidden parts, vocabulary."""

from __future__ import annotations

import pytest
import torch
from references import small_dual
from references.dual_world import task, write_world

from fairseq_xling.criterions.rtl import RtlConfig, RtlCriterion, restricted_vocabulary
from fairseq_xling.criterions.translation_ranking import TranslationRankingConfig, TranslationRankingCriterion
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.tasks._dual_options import DualAlignmentConfig


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    write_world(folder)
    made = task(DualAlignmentConfig, folder)
    made.load_dataset("train")
    data = made.dataset("train")
    return made, data.collater([data[i] for i in range(0, 80, 9)])


def model(made, **named):
    return small_dual.model(symbols=made.source_dictionary, rtl_layers=2, rtl_languages=3, **named)


def parts(made, network, sample, **named):
    loss, size, logged = RtlCriterion(RtlConfig(**named), made)(network, sample)
    return {name: logged[name].item() / size for name in logged if name in ("ranking", "tlm", "rtl")} | {
        "loss": loss.item() / size
    }


def test_the_sum_of_its_parts(world) -> None:
    made, sample = world
    network = model(made)
    plain = TranslationRankingCriterion(TranslationRankingConfig(tlm_weight=0.1), made)(network, sample)
    found = parts(made, network, sample, tlm_weight=0.1, rtl_weight=0.25)
    assert found["ranking"] == pytest.approx(plain[2]["ranking"].item() / 9)
    assert found["tlm"] == pytest.approx(plain[2]["tlm"].item() / 9)
    assert found["loss"] == pytest.approx(found["ranking"] + 0.1 * found["tlm"] + 0.25 * found["rtl"], abs=1e-5)
    default = parts(made, network, sample)
    assert default["loss"] == pytest.approx(default["ranking"] + default["rtl"], abs=1e-5)
    assert "tlm" not in default


def test_a_token_mean(world) -> None:
    made, sample = world
    network = model(made)
    criterion = RtlCriterion(RtlConfig(), made)
    output = network(
        sample["net_input"]["src_tokens"], pairs=criterion.batch(network, sample["net_input"]["src_tokens"], sample)
    )
    expected = output.losses.rtl.sum() / output.losses.rtl_tokens.sum()
    assert parts(made, network, sample)["rtl"] == pytest.approx(expected.item(), abs=1e-5)
    words = int(sample["target"].ne(1).sum()) - 9  # all but `<s>`
    assert int(output.losses.rtl_tokens.sum()) == words


def test_directions_differ(world) -> None:
    made, sample = world
    network = model(made)
    found = [parts(made, network, sample, rtl_direction=direction)["rtl"] for direction in ("target", "source", "both")]
    assert len({round(value, 4) for value in found}) == 3


def test_ratio_and_hidden_parts(world) -> None:
    made, sample = world
    network, source = model(made), sample["net_input"]["src_tokens"]
    whole = RtlCriterion(RtlConfig(), made).batch(network, source, sample)
    assert whole.slots is None
    assert whole.hidden is None
    partly = RtlCriterion(RtlConfig(rtl_ratio=0.3, rtl_hide=0.5), made)
    batch = partly.batch(network, source, sample)
    assert batch.hidden is None  # not in validation
    count = network(source, pairs=batch).losses.rtl_tokens.sum()
    assert 0.1 < float(count / network(source, pairs=whole).losses.rtl_tokens.sum()) < 0.5
    batch = partly.batch(network.train(), source, sample)
    assert 0.3 < float(batch.hidden.float().mean()) < 0.7


def test_a_restricted_vocabulary(world, tmp_path) -> None:
    made, sample = world
    symbols = made.source_dictionary
    path = tmp_path / "words"
    known = [symbols[i] for i in sorted({int(i) for i in sample["target"].unique()}) if i >= symbols.nspecial]
    path.write_text("".join(f"{word}\n" for word in known), encoding="utf-8")
    chosen = restricted_vocabulary(str(path), symbols)
    assert chosen.tolist() == sorted([symbols.eos(), *(symbols.index(word) for word in known)])
    network = model(made)
    everything, fewer = (parts(made, network, sample, rtl_vocabulary=name)["rtl"] for name in (None, str(path)))
    assert fewer < everything  # fewer words to choose from
    assert restricted_vocabulary(None, symbols) is None
    path.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="1 tokens are not in the dictionary, the first is `nothing`"):
        restricted_vocabulary(str(path), symbols)
    with pytest.raises(ConfigError, match="does not exist"):
        restricted_vocabulary(str(tmp_path / "none"), symbols)


def test_faults(world) -> None:
    made, sample = world
    with pytest.raises(ConfigError, match="3 faults: --rtl-direction must be one of target, source, both"):
        RtlCriterion(RtlConfig(rtl_direction="up", rtl_ratio=0.0, rtl_hide=1.0), made)
    with pytest.raises(ConfigError, match="--rtl-layers 2"):
        RtlCriterion(RtlConfig(), made)(small_dual.model(symbols=made.source_dictionary), sample)
    with pytest.raises(ConfigError, match=r"have 1\d tokens together, but the RTL head has 9 positions.*longest 4"):
        RtlCriterion(RtlConfig(), made)(model(made, max_positions=9), sample)


def test_a_spare_batch_adds_nothing(world) -> None:
    made, sample = world
    network = model(made).train()
    loss, size, _ = RtlCriterion(RtlConfig(rtl_direction="both"), made)(network, {**sample, "ignored": True})
    assert (loss.item(), size) == (0, 0)
    loss.backward()
    assert not any(bool(p.grad.any()) for p in network.parameters() if p.grad is not None)
    assert torch.isfinite(loss)
