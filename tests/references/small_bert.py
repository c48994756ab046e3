"""BERT written out with plain tensor operations, and the oracle's models, whose layer states it supplies."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fairseq_xling.nn.rtl import HeadEmbeddings, HeadOutput, RtlHead

Weights = Mapping[str, Tensor]
EPSILON = 1e-12


class BertLayer(nn.Module):
    """One post-norm layer whose parameters are named tensors under a prefix; [t, n, dim] and blocked [n, t]."""

    def __init__(self, weights: Weights, prefix: str, heads: int) -> None:
        super().__init__()
        self.weights, self.prefix, self.heads = weights, prefix, heads

    def _linear(self, states: Tensor, name: str) -> Tensor:
        return states @ self.weights[f"{self.prefix}{name}.weight"].t() + self.weights[f"{self.prefix}{name}.bias"]

    def _norm(self, states: Tensor, name: str) -> Tensor:
        return layer_norm(states, self.weights, self.prefix + name)

    def forward(self, states: Tensor, blocked: Tensor) -> Tensor:
        rows = states.transpose(0, 1)
        batch, length, dim = rows.shape
        size = dim // self.heads
        queries, keys, values = (
            self._linear(rows, f"attention.self.{kind}").view(batch, length, self.heads, size)
            for kind in ("query", "key", "value")
        )
        scores = torch.einsum("bqhd,bkhd->bhqk", queries, keys) / math.sqrt(size)
        shares = scores.masked_fill(blocked[:, None, None, :], -math.inf).softmax(dim=-1)
        attended = torch.einsum("bhqk,bkhd->bqhd", shares, values).reshape(batch, length, dim)
        rows = self._norm(rows + self._linear(attended, "attention.output.dense"), "attention.output.LayerNorm")
        inner = functional.gelu(self._linear(rows, "intermediate.dense"))
        return self._norm(rows + self._linear(inner, "output.dense"), "output.LayerNorm").transpose(0, 1)


def layer_norm(states: Tensor, weights: Weights, prefix: str) -> Tensor:
    dim = (states.size(-1),)
    return functional.layer_norm(states, dim, weights[f"{prefix}.weight"], weights[f"{prefix}.bias"], EPSILON)


def layer_states(
    weights: Weights, prefix: str, tokens: Tensor, padding: Tensor, shape: Mapping[str, Any]
) -> list[Tensor]:
    """Embeddings and every layer's output, each [length, n, dim], of `tokens` [n, length]."""
    embeddings = f"{prefix}embeddings."
    summed = weights[f"{embeddings}word_embeddings.weight"][tokens]
    summed = summed + weights[f"{embeddings}position_embeddings.weight"][: tokens.size(1)]
    summed = summed + weights[f"{embeddings}token_type_embeddings.weight"][0]
    found = [layer_norm(summed, weights, f"{embeddings}LayerNorm").transpose(0, 1)]
    for number in range(shape["num_hidden_layers"]):
        layer = BertLayer(weights, f"{prefix}encoder.layer.{number}.", shape["num_attention_heads"])
        found.append(layer(found[-1], padding))
    return found


class Oracle:
    """One of the folders oracles/dap and oracles/dap/sine."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        self.config = json.loads((folder / "config.json").read_text())
        self.expected = json.loads((folder / "expected.json").read_text())
        self.batch = {name: torch.from_numpy(value) for name, value in np.load(folder / "batch.npz").items()}
        self.hidden = torch.from_numpy(np.load(folder / "hidden.npz")["encoder_last_hidden"])
        loaded = np.load(folder / "weights.npz")
        self.weights = {name: torch.from_numpy(loaded[name]).to(dtype).requires_grad_() for name in loaded.files}

    def tokens(self, side: int) -> Tensor:
        return self.batch["input_ids"][:, side]

    def attended(self, side: int) -> Tensor:
        """[n, length] bool: not padding."""
        return self.batch["attention_mask"][:, side].bool()

    def seen(self, side: int) -> Tensor:
        """Neither padding nor the first token."""
        seen = self.attended(side).clone()
        seen[:, 0] = False
        return seen

    def states(self, side: int) -> list[Tensor]:
        """The encoder's layer states of one side, each [length, n, dim]."""
        return layer_states(self.weights, "bert.", self.tokens(side), self.attended(side).logical_not(), self.config)

    def head(self) -> RtlHead:
        """Our head over the oracle's weights; token type 0 is a part of every position."""
        weights, prefix = self.weights, "decoder.bert.embeddings."
        words = nn.Embedding.from_pretrained(weights[f"{prefix}word_embeddings.weight"], freeze=False)
        types = weights[f"{prefix}token_type_embeddings.weight"][0]
        positions = nn.Embedding.from_pretrained((weights[f"{prefix}position_embeddings.weight"] + types).detach())
        output = "decoder.cls.predictions."
        dense = nn.Linear(*weights[f"{output}transform.dense.weight"].shape, dtype=types.dtype)
        dense.load_state_dict({name: weights[f"{output}transform.dense.{name}"] for name in ("weight", "bias")})
        layers = nn.ModuleList(
            BertLayer(weights, f"decoder.bert.encoder.layer.{number}.", self.config["num_attention_heads"])
            for number in range(self.config["rtl_layers"])
        )
        embeddings = HeadEmbeddings(words, positions, self._norm(f"{prefix}LayerNorm"))
        head_output = HeadOutput(dense, self._norm(f"{output}transform.LayerNorm"), weights[f"{output}bias"].detach())
        languages = nn.Embedding.from_pretrained(weights["decoder_lang_embedding.weight"], freeze=False)
        head = RtlHead(embeddings, layers, head_output, languages)
        # Gradients are to arrive where the oracle names them.
        weights[f"{prefix}word_embeddings.weight"] = words.weight
        weights[f"{output}bias"] = head_output.bias
        return head

    def _norm(self, name: str) -> nn.LayerNorm:
        norm = nn.LayerNorm(self.config["hidden_size"], eps=EPSILON, dtype=self.weights[f"{name}.weight"].dtype)
        norm.load_state_dict({kind: self.weights[f"{name}.{kind}"] for kind in ("weight", "bias")})
        return norm
