"""Vectors of a checkpoint against the model's states, sentence by sentence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fairseq_xling.encoders.checkpoint import CheckpointEncoder, word_numbers
from fairseq_xling.encoders.opening import ModelChoice, open_model
from fairseq_xling.encoders.options import EncodingConfig
from fairseq_xling.errors import ConfigError
from fairseq_xling.protocols import SentenceEncoder


@pytest.fixture
def opened(written_model):
    return open_model(ModelChoice(str(written_model.checkpoint)))


@pytest.fixture
def lines(written_model):
    found = (written_model.texts / "mono.aa").read_text().split("\n")[:20]
    return [*found[:10], "", *found[10:], "takipi", "  "]


def slowly(opened, line, layer=None, token=None):
    """The mean of a layer's states over one sentence's tokens, from fairseq's own encoder output."""
    ids = opened.sentence(line).tolist() + ([opened.tokens.index(token)] if token else [])
    with torch.no_grad():
        out = opened.model.encoder(torch.tensor([ids]), return_all_hiddens=True)
    states = out["encoder_out"][0] if layer is None else out["encoder_states"][layer]
    return states[:, 0].mean(dim=0).numpy()


@pytest.mark.parametrize(
    ("config", "layer", "token"),
    [
        (EncodingConfig(), None, None),
        (EncodingConfig(max_tokens=30), None, None),
        (EncodingConfig(layer="0"), 0, None),
        (EncodingConfig(layer="1"), 1, None),
        (EncodingConfig(layer="2"), None, None),  # the last one, after the final LayerNorm
        (EncodingConfig(language_token=True), None, "bb"),
    ],
)
def test_vectors(opened, lines, config, layer, token):
    encoder = CheckpointEncoder(opened, config)
    assert isinstance(encoder, SentenceEncoder)
    found = encoder.encode(lines, "bb")
    assert (found.shape, found.dtype) == ((len(lines), encoder.dim), np.float32)
    np.testing.assert_allclose(found, [slowly(opened, line, layer, token) for line in lines], rtol=1e-5, atol=1e-5)
    assert encoder.cut == 0


def test_neighbours_in_the_batch_do_not_matter(opened, lines):
    encoder = CheckpointEncoder(opened, EncodingConfig(max_tokens=100))
    order = np.random.default_rng(0).permutation(len(lines))
    shuffled = encoder.encode([lines[i] for i in order])
    np.testing.assert_allclose(encoder.encode(lines)[order], shuffled, rtol=1e-5, atol=1e-5)


def test_the_style_is_the_checkpoints_own(written_model, tmp_path, lines):
    from references.written_model import write_checkpoint

    suffix = open_model(ModelChoice(str(write_checkpoint(tmp_path / "s.pt", written_model.data, "suffix"))))
    own = CheckpointEncoder(suffix).encode(lines, "cc")
    np.testing.assert_allclose(own, [slowly(suffix, line, None, "cc") for line in lines], rtol=1e-5, atol=1e-5)
    plain = CheckpointEncoder(suffix, EncodingConfig(language_token=False))
    np.testing.assert_allclose(plain.encode(lines), [slowly(suffix, line) for line in lines], rtol=1e-5, atol=1e-5)
    assert "language-token:none" in plain.signature
    with pytest.raises(ConfigError, match="needs a language"):
        CheckpointEncoder(suffix).encode(lines)


def test_a_line_too_long_is_cut_and_counted(opened):
    encoder = CheckpointEncoder(opened)
    long = " ".join(["takipi"] * 200)
    found = encoder.encode([long, "takipi"])
    assert encoder.cut == 1
    ids = opened.sentence(long)
    with torch.no_grad():
        kept = torch.cat([ids[:63], ids[-1:]])
        np.testing.assert_allclose(found[0], opened.model.sentence_vectors(kept[None])[0].numpy(), rtol=1e-5, atol=1e-5)
    shorter = CheckpointEncoder(opened, EncodingConfig(max_length=5))
    assert not np.allclose(shorter.encode([long])[0], found[0], atol=1e-3)
    assert shorter.cut == 1


def test_bf16_is_close_and_says_so(opened, lines):
    exact = CheckpointEncoder(opened).encode(lines)
    encoder = CheckpointEncoder(opened, EncodingConfig(precision="bf16"))
    rough = encoder.encode(lines)
    assert rough.dtype == np.float32
    cosines = (exact * rough).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rough, axis=1)
    assert cosines.min() > 0.99
    assert not np.array_equal(exact, rough)
    assert "precision:bf16" in encoder.signature


def test_the_signature_tells_vectors_apart(opened):
    configs = [
        EncodingConfig(),
        EncodingConfig(layer="1"),
        EncodingConfig(language_token=True),
        EncodingConfig(max_length=9),
    ]
    signatures = [CheckpointEncoder(opened, config).signature for config in configs]
    assert len(set(signatures)) == 4
    assert all(opened.short_hash in text for text in signatures)
    # Batches decide nothing, and layer 2 of 2 is the last one.
    same = [CheckpointEncoder(opened, EncodingConfig(**more)).signature for more in ({"max_tokens": 9}, {"layer": "2"})]
    assert same == signatures[:1] * 2


def test_faults(opened):
    with pytest.raises(ConfigError, match="`layer` 3 is more than the 2 layers"):
        CheckpointEncoder(opened, EncodingConfig(layer="3"))
    with pytest.raises(ConfigError, match="more than the 64 positions"):
        CheckpointEncoder(opened, EncodingConfig(max_length=65))
    with pytest.raises(ConfigError, match="--lang xx is not one of the model's languages .*leave --lang out"):
        CheckpointEncoder(opened).encode(["takipi"], "xx")


@pytest.mark.parametrize(("layer", "token"), [(None, None), (1, "bb")])
def test_token_states(opened, lines, layer, token):
    """Every token's state, line by line, without `</s>` and the language's token."""
    config = EncodingConfig(layer="last" if layer is None else str(layer), language_token=bool(token), max_tokens=60)
    found = CheckpointEncoder(opened, config).token_states(lines, token)
    assert len(found) == len(lines)
    for number, line in enumerate(lines):
        ids = opened.sentence(line).tolist() + ([opened.tokens.index(token)] if token else [])
        with torch.no_grad():
            out = opened.model.encoder(torch.tensor([ids]), return_all_hiddens=True)
        states = (out["encoder_out"][0] if layer is None else out["encoder_states"][layer])[:, 0]
        pieces, here = opened.pieces.encode(line), found.line(number)
        np.testing.assert_allclose(found.states[here], states[: len(pieces)].numpy(), rtol=1e-4, atol=1e-5)
        assert found.tokens[here] == pieces
        spoken = ["".join(p for p, w in zip(pieces, found.words[here], strict=True) if w == word)
                  for word in range(len(line.split()))]  # fmt: skip
        assert [word.replace("▁", "") for word in spoken] == line.split()


def test_words_of_pieces():
    assert word_numbers(["▁ta", "ki", "▁", "pi", "▁x"]) == [0, 0, 1, 1, 2]
    assert word_numbers(["ki", "▁pi"]) == [0, 0]  # a line's first piece may lack the mark
    assert word_numbers(["one", "two"]) == [0, 1]
    assert word_numbers([]) == []
