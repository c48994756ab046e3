"""The model: what must not matter to a sentence's vector, what training adds, caching, what learns from what."""

from __future__ import annotations

from argparse import Namespace

import pytest
import torch
from fairseq.models import ARCH_CONFIG_REGISTRY
from references import small_dual
from torch import Tensor

from fairseq_xling.models.dual_encoder import DualEncoderModel, PairOutput
from fairseq_xling.nn.pooling import POOLINGS
from fairseq_xling.nn.ranking import Ranking, ranking_losses

PAIRS = 4


def plan(model: DualEncoderModel) -> dict[str, object]:
    """RTL both ways, TLM and hard negatives for four pairs."""
    symbols = model.encoder.dictionary
    hard = small_dual.padded(small_dual.sentences([3] * 8, symbols, seed=7), symbols.pad()).view(PAIRS, 2, -1)
    both = small_dual.padded(small_dual.sentences([9, 8, 6, 9], symbols, seed=8), symbols.pad())
    asked = both.clone().masked_fill(torch.arange(both.size(1)) % 3 != 1, symbols.pad())
    masked = both.masked_fill(asked.ne(symbols.pad()), symbols.index("<mask>"))
    forward = torch.tensor([False, True, False, True])
    return {"hard": hard, "forward": forward, "languages": torch.tensor([0, 1, 0, 1]), "masked": masked, "asked": asked}


def output(model: DualEncoderModel, **more: object) -> PairOutput:
    source, batch = small_dual.pairs(model.encoder.dictionary, **more)
    found: PairOutput = model(source, pairs=batch)
    return found


def total(found: PairOutput) -> Tensor:
    ranking = ranking_losses(found.source, found.target, Ranking(direction="both"), found.hard).mean()
    losses = found.losses
    return ranking + losses.rtl.sum() / losses.rtl_tokens.sum().clamp(min=1) + losses.tlm.sum() / 10 + found.idle


@pytest.mark.parametrize(
    ("arch", "shape"), [("dual_encoder_base", (12, 768, 12, 3072)), ("dual_encoder_tiny", (3, 128, 4, 512))]
)
def test_shapes(arch: str, shape: tuple[int, ...]) -> None:
    args = Namespace()
    ARCH_CONFIG_REGISTRY[arch](args)
    sizes = (args.encoder_layers, args.encoder_embed_dim, args.encoder_attention_heads, args.encoder_ffn_embed_dim)
    assert sizes == shape
    assert (args.dual_pooling, args.max_positions, args.rtl_layers) == ("first", 512, 0)
    assert (args.layernorm_embedding, args.encoder_normalize_before, args.no_scale_embedding) == (True, False, True)


def test_the_criterion_rtl_brings_the_head_along() -> None:
    args = Namespace(criterion="rtl")
    ARCH_CONFIG_REGISTRY["dual_encoder_tiny"](args)
    assert args.rtl_layers == 2


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("tower", ["xlmr", "mbart"])
def test_padding_and_other_sentences_do_not_matter(pooling: str, tower: str) -> None:
    model = small_dual.model(dual_pooling=pooling, dual_tower=tower)
    symbols = model.encoder.dictionary
    rows = small_dual.sentences([3, 6, 2], symbols)
    alone = torch.cat([model.sentence_vectors(row[None]) for row in rows])
    for left, extra in ((False, 0), (False, 5), (True, 0), (True, 4)):
        together = model.sentence_vectors(small_dual.padded(rows, symbols.pad(), left, extra))
        torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)
    order = [2, 0, 1]
    shuffled = model.sentence_vectors(small_dual.padded([rows[i] for i in order], symbols.pad()))
    torch.testing.assert_close(shuffled, alone[order], atol=1e-6, rtol=0)


def test_layers() -> None:
    model = small_dual.model()
    symbols = model.encoder.dictionary
    tokens = small_dual.padded(small_dual.sentences([3, 6], symbols), symbols.pad())
    assert model.depth == 3
    torch.testing.assert_close(model.sentence_vectors(tokens, layer=3), model.sentence_vectors(tokens))
    assert not torch.allclose(model.sentence_vectors(tokens, layer=1), model.sentence_vectors(tokens))
    averaged = small_dual.model(dual_pooling="avg_top2")
    two = (averaged.sentence_vectors(tokens, layer=3) + averaged.sentence_vectors(tokens, layer=2)) / 2
    torch.testing.assert_close(averaged.sentence_vectors(tokens), two)
    with pytest.raises(ValueError, match="between 0 and 3"):
        model.sentence_vectors(tokens, layer=4)


def test_the_training_head_is_for_training_alone() -> None:
    model = small_dual.model(dual_train_head=True)
    source, _ = small_dual.pairs(model.encoder.dictionary)
    plain = model.sentence_vectors(source)
    torch.testing.assert_close(output(model).source, plain)
    model.train()
    assert model.train_head is not None
    torch.testing.assert_close(output(model).source, model.train_head(plain))
    assert torch.equal(model.sentence_vectors(source), plain)


def test_hard_negatives_are_vectors_of_their_sentences() -> None:
    model = small_dual.model()
    given = plan(model)
    found = output(model, **given).hard
    assert found is not None
    assert isinstance(given["hard"], Tensor)
    for row in range(PAIRS):
        torch.testing.assert_close(found[row], model.sentence_vectors(given["hard"][row]))


def test_a_pairs_losses_do_not_depend_on_the_others() -> None:
    model = small_dual.model(rtl_layers=2)
    symbols, given = model.encoder.dictionary, plan(model)
    source, batch = small_dual.pairs(symbols, **given)
    together = model(source, pairs=batch)
    for row in range(PAIRS):
        one = {name: value[row : row + 1] for name, value in given.items() if isinstance(value, Tensor)}
        mine, other = small_dual.pairs(symbols, **one)
        other.target = other.target[row : row + 1]
        alone = model(mine[row : row + 1], pairs=other)
        for found, expected in zip(alone.losses, together.losses, strict=True):
            torch.testing.assert_close(found, expected[row : row + 1])
    assert all(int(count) > 0 for count in together.losses.rtl_tokens)
    assert all(int(count) > 0 for count in together.losses.tlm_tokens)


@pytest.mark.parametrize("chunk", [1, 3])
def test_gradient_caching_changes_nothing(chunk: int) -> None:
    found = []
    for size in (None, chunk):
        model = small_dual.model(rtl_layers=2, dual_train_head=True).train()
        loss = total(output(model, chunk=size, **plan(model)))
        loss.backward()
        found.append((loss.item(), {name: p.grad for name, p in model.named_parameters()}))
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-6)
    for name, gradient in found[0][1].items():
        assert gradient is not None, name
        torch.testing.assert_close(found[1][1][name], gradient, atol=1e-5, rtol=0, msg=name)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_encoder_learns_from_rtl_alone(layers: int) -> None:
    model = small_dual.model(rtl_layers=layers)
    output(model, forward=torch.ones(PAIRS, dtype=torch.bool)).losses.rtl.sum().backward()
    for name, parameter in model.named_parameters():
        learns = parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        # The head's own layers and all of the tower; what only masks and other languages need has no gradient.
        assert learns == (not name.startswith("encoder.lm_head") and name != "rtl_head.languages.weight"), name


@pytest.mark.parametrize("given", [[], ["forward", "languages"], ["masked", "asked"]])
def test_every_parameter_has_a_gradient(given: list[str]) -> None:
    """DistributedDataParallel waits for all of them, whatever the objective."""
    model = small_dual.model(rtl_layers=1, dual_train_head=True).train()
    chosen = {name: value for name, value in plan(model).items() if name in given}
    total(output(model, **chosen)).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_too_many_rtl_layers() -> None:
    from fairseq_xling.errors import ConfigError

    with pytest.raises(ConfigError, match="--rtl-layers must be between 1 and the tower's 3 layers, but is 4"):
        small_dual.model(rtl_layers=4)
