"""The same logits from the same weights in both libraries, both ways; what one of them cannot have is refused."""

from __future__ import annotations

from argparse import Namespace

import pytest
import torch
from references import small_criss
from torch import Tensor
from transformers import MBartConfig, MBartForConditionalGeneration

from fairseq_xling.errors import CheckpointError
from fairseq_xling.interchange.mbart import config_of, options_of, state_of, tensors_of
from fairseq_xling.models._checkpoints import weights_hash
from fairseq_xling.models.criss import CrissModel

SYMBOLS = small_criss.dictionary()
ROWS = len(SYMBOLS)


def shaken(model: torch.nn.Module, seed: int = 2) -> torch.nn.Module:
    """Random numbers on every parameter: initial biases are 0 and LayerNorms 1, which would hide a swap."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def criss(**others: object) -> CrissModel:
    return shaken(small_criss.model(small_criss.options(**others)))


def huggingface(fields: dict, tensors: dict[str, Tensor] | None = None) -> MBartForConditionalGeneration:
    model = MBartForConditionalGeneration(MBartConfig(**fields, vocab_size=ROWS))
    if tensors is None:
        return shaken(model)
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    model.tie_weights()
    assert not unexpected
    assert set(missing) <= {"lm_head.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"}
    return model.eval()


def largest_difference(ours: CrissModel, theirs: MBartForConditionalGeneration) -> float:
    """Over the logits of padded batches; the sizes of the numbers are of order 1."""
    source = small_criss.padded(small_criss.sentences([3, 9, 1, 20], SYMBOLS), SYMBOLS.pad(), left=False)
    target = small_criss.padded(small_criss.sentences([5, 2, 8, 4], SYMBOLS, seed=4), SYMBOLS.pad(), left=False)
    with torch.no_grad():
        found = theirs(source, attention_mask=source.ne(SYMBOLS.pad()).long(), decoder_input_ids=target).logits
        expected = ours(source, None, target)[0]
    counted = target.ne(SYMBOLS.pad())
    assert expected[counted].std() > 0.5
    return float((found - expected)[counted].abs().max())


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"encoder_layers": 1, "decoder_layers": 3, "encoder_attention_heads": 4, "decoder_ffn_embed_dim": 24},
        {"activation_fn": "relu"},
        {"no_scale_embedding": True},
        {"criss_attention": "stock"},
    ],
)
def test_logits_of_ours_there(others: dict) -> None:
    model = criss(**others)
    assert largest_difference(model, huggingface(config_of(model.args), tensors_of(model.state_dict()))) < 1e-4


@pytest.mark.parametrize("fields", [{"scale_embedding": True}, {"scale_embedding": False, "encoder_ffn_dim": 24}])
def test_logits_of_theirs_here(fields: dict) -> None:
    sizes = {"d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "max_position_embeddings": 40}
    sizes |= {"encoder_attention_heads": 2, "decoder_attention_heads": 4, "encoder_ffn_dim": 32, "decoder_ffn_dim": 48}
    theirs = huggingface({**sizes, **fields})
    options = options_of(theirs.config.to_dict())
    ours = small_criss.model(Namespace(**options, task="criss"))
    ours.load_state_dict(state_of(theirs.state_dict()), strict=True)
    assert largest_difference(ours.eval(), theirs) < 1e-4


def test_there_and_back_are_the_same_weights() -> None:
    model = criss()
    again = small_criss.model(Namespace(**options_of(config_of(model.args)), task="criss"), seed=9)
    again.load_state_dict(state_of(tensors_of(model.state_dict())), strict=True)
    assert weights_hash(again) == weights_hash(model)


def test_back_and_there_are_the_same_tensors() -> None:
    tensors = tensors_of(criss().state_dict())
    again = tensors_of(state_of(tensors))
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


def test_weights_saved_without_an_output() -> None:
    """`MBartModel.save_pretrained` leaves out the first part of each name."""
    tensors = tensors_of(criss().state_dict())
    bare = {name.removeprefix("model."): value for name, value in tensors.items() if name != "final_logits_bias"}
    found, expected = state_of(bare), state_of(tensors)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


@pytest.mark.parametrize(
    ("others", "fault"),
    [
        ({"encoder_normalize_before": False}, "encoder_normalize_before is False"),
        ({"layernorm_embedding": False}, "layernorm_embedding is False"),
        ({"encoder_learned_pos": False}, "encoder_learned_pos is False"),
        ({"activation_fn": "tanh"}, "activation_fn is tanh"),
        ({"max_target_positions": 30}, "max_source_positions is 64 and max_target_positions 30"),
        ({"no_cross_attention": True}, "no_cross_attention is True"),
    ],
)
def test_what_no_mbart_there_can_be(others: dict, fault: str) -> None:
    with pytest.raises(CheckpointError, match=fault):
        config_of(small_criss.model(small_criss.options(**others)).args)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [({"activation_function": "silu"}, "silu"), ({"tie_word_embeddings": False}, "tie_word_embeddings is false")],
)
def test_what_no_mbart_here_can_be(fields: dict, fault: str) -> None:
    with pytest.raises(CheckpointError, match=fault):
        options_of(fields)


def test_weights_that_do_not_fit() -> None:
    tensors = tensors_of(criss().state_dict())
    with pytest.raises(CheckpointError, match="final_logits_bias"):
        state_of({**tensors, "final_logits_bias": torch.ones(1, ROWS)})
    with pytest.raises(CheckpointError, match="differ"):
        state_of({**tensors, "lm_head.weight": tensors["model.shared.weight"] + 1})
    del tensors["model.shared.weight"]
    with pytest.raises(CheckpointError, match=r"no `model\.shared\.weight`"):
        state_of(tensors)
