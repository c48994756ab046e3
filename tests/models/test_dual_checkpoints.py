"""XLM-R's, mBART's and other dual encoders' checkpoints, with heads that come and go, and stacked."""

from __future__ import annotations

import pytest
import torch
from fairseq.models.roberta import RobertaModel
from references import small_criss, small_dual
from torch import Tensor

from fairseq_xling.errors import CheckpointError, ConfigError

TOWER = "encoder.sentence_encoder."


def vectors(model: object, left: bool = False) -> Tensor:
    symbols = small_dual.dictionary()
    tokens = small_dual.padded(small_dual.sentences([3, 5], symbols), symbols.pad(), left)
    found: Tensor = model.sentence_vectors(tokens)  # type: ignore[attr-defined]
    return found


def stock_xlmr() -> RobertaModel:
    from fairseq.models.roberta import RobertaEncoder

    torch.manual_seed(5)
    return RobertaModel(small_dual.options(), RobertaEncoder(small_dual.options(), small_dual.dictionary())).eval()


@pytest.mark.parametrize("old", [False, True])
def test_xlmr(old: bool) -> None:
    """Also in the names of 2019; fairseq 0.12's copies of weights are left out."""
    stock = stock_xlmr()
    state = dict(stock.state_dict())
    if old:
        state = {
            name.replace("encoder.", "decoder.", 1).replace("layernorm_embedding", "emb_layer_norm"): value
            for name, value in state.items()
            if not name.endswith(".version")
        }
    model = small_dual.model(rtl_layers=2, dual_train_head=True)
    model.load_state_dict(state, strict=True)
    symbols = small_dual.dictionary()
    tokens = small_dual.padded(small_dual.sentences([3, 5], symbols), symbols.pad())
    expected = stock.encoder.extract_features(tokens)[0][:, 0]
    torch.testing.assert_close(model.sentence_vectors(tokens), expected, atol=1e-5, rtol=0)
    assert model.rtl_head is not None
    last = model.rtl_head.layers[1].fc1.weight
    assert torch.equal(last, stock.encoder.sentence_encoder.layers[2].fc1.weight)
    assert torch.equal(model.rtl_head.output.bias, stock.encoder.lm_head.bias)


def test_mbart_gives_the_vectors_of_criss() -> None:
    criss = small_criss.model()
    symbols = small_criss.dictionary()
    sizes = {"encoder_layers": 2, "max_positions": 64, "encoder_ffn_embed_dim": 64}
    model = small_dual.model(symbols=symbols, dual_tower="mbart", **sizes)
    model.load_state_dict(dict(criss.state_dict()), strict=True)
    tokens = small_criss.padded(small_criss.sentences([3, 6, 2], symbols), symbols.pad())
    torch.testing.assert_close(model.sentence_vectors(tokens), criss.sentence_vectors(tokens), atol=1e-5, rtol=0)
    with pytest.raises(ConfigError, match="--dual-tower mbart"):
        small_dual.model(symbols=symbols, **sizes).load_state_dict(dict(criss.state_dict()), strict=True)


def test_heads_come_and_go() -> None:
    trained = small_dual.model(seed=3, rtl_layers=2, dual_train_head=True)
    plain = small_dual.model()
    plain.load_state_dict(dict(trained.state_dict()), strict=True)
    assert torch.equal(vectors(plain), vectors(trained))
    again = small_dual.model(seed=4, rtl_layers=2, dual_train_head=True)
    before = again.state_dict()["rtl_head.languages.weight"].clone()
    again.load_state_dict(dict(plain.state_dict()), strict=True)
    assert again.rtl_head is not None
    assert torch.equal(again.rtl_head.layers[0].fc2.weight, plain.encoder.sentence_encoder.layers[1].fc2.weight)
    assert torch.equal(again.rtl_head.languages.weight, before)  # no tower has them
    again.load_state_dict(dict(trained.state_dict()), strict=True)
    assert trained.rtl_head is not None
    assert torch.equal(again.rtl_head.languages.weight, trained.rtl_head.languages.weight)


def test_stacking() -> None:
    shallow = small_dual.model(seed=3)
    deep = small_dual.model(encoder_layers=6, dual_stack=True)
    deep.load_state_dict(dict(shallow.state_dict()), strict=True)
    layers = deep.encoder.sentence_encoder.layers
    for number in range(6):
        theirs = shallow.encoder.sentence_encoder.layers[number % 3].state_dict()
        assert all(torch.equal(value, theirs[name]) for name, value in layers[number].state_dict().items())
    deep.load_state_dict(dict(deep.state_dict()), strict=True)  # going on with the deep model
    with pytest.raises(CheckpointError, match="--dual-stack: 4 layers cannot be stacked from 3"):
        small_dual.model(encoder_layers=4, dual_stack=True).load_state_dict(dict(shallow.state_dict()), strict=True)
    with pytest.raises(CheckpointError, match="does not fit the model"):
        small_dual.model(encoder_layers=6).load_state_dict(dict(shallow.state_dict()), strict=True)


def test_foreign_checkpoints() -> None:
    model = small_dual.model()
    with pytest.raises(CheckpointError, match="so it is no XLM-R, mBART or dual encoder"):
        model.load_state_dict({"weight": torch.ones(1)}, strict=True)
    state = dict(model.state_dict())
    state[f"{TOWER}embed_tokens.weight"] = torch.ones(30, 16)
    with pytest.raises(CheckpointError, match="30 rows of embeddings, but the dictionary has 25 symbols"):
        model.load_state_dict(state, strict=True)
