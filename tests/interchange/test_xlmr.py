"""The same states and masked-LM logits from the same weights in both libraries, both ways."""

from __future__ import annotations

from argparse import Namespace

import pytest
import torch
from references import small_dual
from torch import Tensor
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM, XLMRobertaModel

from fairseq_xling.errors import CheckpointError
from fairseq_xling.interchange.xlmr import config_of, options_of, state_of, tensors_of
from fairseq_xling.models._checkpoints import weights_hash
from fairseq_xling.models.dual_encoder import DualEncoderModel

SYMBOLS = small_dual.dictionary()
ROWS = len(SYMBOLS)
FIELDS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24}
FIELDS |= {"max_position_embeddings": 34, "layer_norm_eps": 1e-5, "type_vocab_size": 1, "vocab_size": ROWS}


def shaken(model: torch.nn.Module, seed: int = 2) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def loaded(tensors: dict[str, Tensor], config: dict) -> XLMRobertaForMaskedLM:
    model = XLMRobertaForMaskedLM(XLMRobertaConfig(**config, vocab_size=ROWS))
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    model.tie_weights()
    assert not unexpected
    assert set(missing) <= {"lm_head.decoder.weight", "lm_head.decoder.bias"}
    return model.eval()


def here(tensors: dict[str, Tensor], config: dict) -> DualEncoderModel:
    options = Namespace(**options_of(config, "mean"))
    model = DualEncoderModel.build_model(options, Namespace(source_dictionary=SYMBOLS))
    model.load_state_dict(state_of(tensors), strict=True)
    return model.eval()


def batch() -> Tensor:
    return small_dual.padded(small_dual.sentences([3, 12, 1, 25], SYMBOLS), SYMBOLS.pad())


def assert_same(ours: DualEncoderModel, theirs: XLMRobertaForMaskedLM) -> None:
    """Every layer's states, and the logits, wherever there is no padding."""
    tokens = batch()
    counted = tokens.ne(SYMBOLS.pad())
    with torch.no_grad():
        found = theirs(tokens, attention_mask=counted.long(), output_hidden_states=True)
        states = ours.encoder.states(tokens, True)
        logits = ours(tokens)[0]
    assert len(states) == len(found.hidden_states)
    for mine, other in zip(states, found.hidden_states, strict=True):
        assert (mine.transpose(0, 1) - other)[counted].abs().max() < 1e-4
    assert logits[counted].std() > 0.3
    assert (logits - found.logits)[counted].abs().max() < 1e-4


def test_ours_there() -> None:
    model = shaken(small_dual.model())
    assert_same(model, loaded(tensors_of(model.state_dict()), config_of(model.args)))


def test_theirs_here() -> None:
    """The token types are not zero, as in models that Hugging Face trained further."""
    model = shaken(XLMRobertaForMaskedLM(XLMRobertaConfig(**FIELDS)))
    assert model.roberta.embeddings.token_type_embeddings.weight.abs().max() > 0.1
    assert_same(here(model.state_dict(), model.config.to_dict()), model)


def test_an_encoder_without_its_head() -> None:
    model = shaken(XLMRobertaModel(XLMRobertaConfig(**FIELDS)))
    tokens = batch()
    counted = tokens.ne(SYMBOLS.pad())
    ours = here(model.state_dict(), model.config.to_dict())
    with torch.no_grad():
        expected = model(tokens, attention_mask=counted.long()).last_hidden_state
        found = ours.encoder.states(tokens, False)[-1].transpose(0, 1)
        logits = ours(tokens)[0]
    assert (found - expected)[counted].abs().max() < 1e-4
    assert torch.isfinite(logits).all()


def test_there_and_back_are_the_same_weights() -> None:
    model = shaken(small_dual.model())
    again = here(tensors_of(model.state_dict()), config_of(model.args))
    assert weights_hash(again) == weights_hash(model)


def test_back_and_there_are_the_same_tensors() -> None:
    tensors = tensors_of(shaken(small_dual.model()).state_dict())
    again = tensors_of(state_of(tensors))
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize(
    ("others", "fault"),
    [
        ({"dual_tower": "mbart", "no_scale_embedding": False}, "tower is mbart's.*--to sentence-transformers"),
        ({"encoder_normalize_before": True}, "encoder_normalize_before is True"),
        ({"activation_fn": "relu"}, "activation_fn is relu"),
    ],
)
def test_what_no_xlmr_there_can_be(others: dict, fault: str) -> None:
    with pytest.raises(CheckpointError, match=fault):
        config_of(small_dual.model(**others).args)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"layer_norm_eps": 1e-12}, "layer_norm_eps is 1e-12"),
        ({"hidden_act": "relu"}, "hidden_act is relu"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings"),
        ({"is_decoder": True}, "is_decoder"),
    ],
)
def test_what_no_xlmr_here_can_be(fields: dict, fault: str) -> None:
    with pytest.raises(CheckpointError, match=fault):
        options_of({**FIELDS, **fields}, "mean")


@pytest.mark.parametrize("name", ["lm_head.decoder.weight", "lm_head.decoder.bias"])
def test_an_output_that_is_not_tied(name: str) -> None:
    tensors = tensors_of(shaken(small_dual.model()).state_dict())
    size = (ROWS, 16) if name.endswith("weight") else (ROWS,)
    with pytest.raises(CheckpointError, match=f"`{name}` is not tied"):
        state_of({**tensors, name: torch.ones(size)})


def test_weights_of_something_else() -> None:
    tensors = tensors_of(shaken(small_dual.model()).state_dict())
    with pytest.raises(CheckpointError, match="no `roberta.embeddings`"):
        state_of({name: value for name, value in tensors.items() if "embeddings" not in name})
    with pytest.raises(CheckpointError, match="crossattention"):
        state_of({**tensors, "roberta.encoder.layer.0.crossattention.self.query.weight": torch.ones(1)})
