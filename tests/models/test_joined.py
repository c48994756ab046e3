"""Joined sentences against the encoder's own forward, one sentence at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from references import small_criss, small_dual
from torch import Tensor

from fairseq_xling.models import _joined
from fairseq_xling.models._joined import joined_states, joined_vectors
from fairseq_xling.nn.linear import onednn
from fairseq_xling.nn.runs import join

LENGTHS = [12, 9, 5, 5, 3, 0]


@pytest.fixture
def sentences() -> list[Tensor]:
    return small_criss.sentences(LENGTHS, small_criss.dictionary())


def slowly(encoder: Any, sentences: list[Tensor], layer: int) -> Tensor:
    """[total, dim]: each sentence by itself through fairseq's forward."""
    found = []
    for sentence in sentences:
        out = encoder(sentence[None], return_all_hiddens=True)
        states = out["encoder_out"][0] if layer == len(encoder.layers) else out["encoder_states"][layer]
        found.append(states[:, 0])
    return torch.cat(found)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"criss_attention": "stock"},
        {"encoder_normalize_before": False},  # as XLM-R's layers are
        {"activation_fn": "relu"},
        {"checkpoint_activations": True},
    ],
)
def test_states_are_the_encoder_s_own(sentences: list[Tensor], options: dict[str, object]) -> None:
    encoder = small_criss.model(small_criss.options(**options)).encoder
    with torch.inference_mode():
        found = joined_states(encoder, join(sentences), [0, 1, 2])
        for layer, states in enumerate(found):
            torch.testing.assert_close(states, slowly(encoder, sentences, layer), atol=1e-5, rtol=1e-5)


def test_the_layers_that_are_asked_for_and_no_more(sentences: list[Tensor]) -> None:
    encoder = small_criss.model().encoder
    ran = list[int]()
    for number, layer in enumerate(encoder.layers, start=1):
        layer.self_attn_layer_norm.register_forward_hook(lambda *_, number=number: ran.append(number))
    with torch.inference_mode():
        both = joined_states(encoder, join(sentences), [0, 2])
        assert ran == [1, 2]
        first = joined_states(encoder, join(sentences), [1])[0]
        assert ran == [1, 2, 1]
        joined_states(encoder, join(sentences), [0])
        assert ran == [1, 2, 1]
    torch.testing.assert_close(first, slowly(encoder, sentences, 1), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(both[1], slowly(encoder, sentences, 2), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layer", [None, 0, 1, 2])
def test_criss_vectors(sentences: list[Tensor], layer: int | None) -> None:
    model = small_criss.model()
    with torch.inference_mode():
        alone = torch.cat([model.sentence_vectors(sentence[None], layer=layer) for sentence in sentences])
        found = model.joined_vectors(join(sentences), layer)
    torch.testing.assert_close(found, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["first", "mean", "max", "avg_top2", "avg_first_last"])
@pytest.mark.parametrize("layer", [None, 1])
def test_dual_encoder_s_vectors(pooling: str, layer: int | None) -> None:
    """`<s>` before each sentence: positions restart there, in joined sentences too."""
    model = small_dual.model(dual_pooling=pooling)
    rows = small_dual.sentences(LENGTHS, small_dual.dictionary())
    with torch.inference_mode():
        alone = torch.cat([model.sentence_vectors(row[None], layer=layer) for row in rows])
        torch.testing.assert_close(model.joined_vectors(join(rows), layer), alone, atol=1e-5, rtol=1e-5)


def test_a_layer_too_many_is_refused(sentences: list[Tensor]) -> None:
    with pytest.raises(ValueError, match="between 0 and 2, but is 3"):
        small_criss.model().joined_vectors(join(sentences), 3)


def test_onednn_gives_the_same(sentences: list[Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this PyTorch has no oneDNN")
    model = small_criss.model()
    with torch.inference_mode():
        usual = model.joined_vectors(join(sentences))
        monkeypatch.setattr(_joined, "linear_for", lambda weight: onednn)
        torch.testing.assert_close(model.joined_vectors(join(sentences)), usual, atol=1e-5, rtol=1e-5)


def test_the_pool_sees_every_position(sentences: list[Tensor]) -> None:
    seen = list[tuple[int, ...]]()

    def pool(states: list[Tensor], counted: Tensor) -> Tensor:
        assert counted.all()
        assert states[0].shape[:2] == counted.T.shape
        seen.append(tuple(counted.shape))
        return states[0].mean(dim=0)

    joined_vectors(small_criss.model().encoder, join(sentences), [0], pool)
    assert seen == [(1, 13), (1, 10), (2, 6), (1, 4), (1, 1)]
