"""An encoder's states for sentences without padding: fairseq's arithmetic in eval mode, a row a token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_xling.nn.linear import Linear, linear_for
from fairseq_xling.nn.runs import Joined, Run, attend_in_runs, by_run

Pool = Callable[[list[Tensor], Tensor], Tensor]
"""States [length, n, dim] of some layers, and which positions count [n, length], to vectors [n, dim]."""


def joined_vectors(encoder: Any, joined: Joined, layers: Sequence[int], pool: Pool) -> Tensor:
    """[n, dim] in the sentences' order; `pool` is given the states of `layers`, and every position counts."""
    runs = zip(*(by_run(states, joined.runs) for states in joined_states(encoder, joined, layers)), strict=True)
    vectors = []
    for of_layers in runs:
        every = torch.ones(of_layers[0].shape[:2], dtype=torch.bool, device=joined.tokens.device)
        vectors.append(pool([states.transpose(0, 1) for states in of_layers], every))
    return torch.cat(vectors)


def joined_states(encoder: Any, joined: Joined, layers: Sequence[int]) -> list[Tensor]:
    """[total, dim] of each of `layers`; 0 are the embeddings, and the last layer is after the final LayerNorm."""
    embedded = (encoder.forward_embedding(rows)[0] for rows in by_run(joined.tokens, joined.runs))
    states = torch.cat([rows.flatten(0, 1) for rows in embedded])
    found, depth = {0: states}, len(encoder.layers)
    linear = linear_for(encoder.layers[0].fc1.weight)
    for number, layer in enumerate(list(encoder.layers)[: max(layers)], start=1):
        states = _layer(layer, states, joined.runs, linear)
        if number in layers:
            found[number] = states
    if depth in found and encoder.layer_norm is not None:
        found[depth] = encoder.layer_norm(found[depth])
    return [found[number] for number in layers]


def _layer(layer: Any, states: Tensor, runs: Sequence[Run], linear: Linear) -> Tensor:
    """TransformerEncoderLayerBase.forward without dropout."""
    before = layer.normalize_before
    read = layer.self_attn_layer_norm(states) if before else states
    attended = _attention(layer.self_attn, read, runs, linear)
    attended += states
    states = attended if before else layer.self_attn_layer_norm(attended)
    read = layer.final_layer_norm(states) if before else states
    widened = _through(layer.fc2, layer.activation_fn(_through(layer.fc1, read, linear)), linear)
    widened += states
    return widened if before else layer.final_layer_norm(widened)


def _attention(attention: Any, states: Tensor, runs: Sequence[Run], linear: Linear) -> Tensor:
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    queries, keys, values = (_through(projection, states, linear) for projection in projections)
    return _through(attention.out_proj, attend_in_runs(queries, keys, values, attention.num_heads, runs), linear)


def _through(module: nn.Linear, rows: Tensor, linear: Linear) -> Tensor:
    return linear(rows, module.weight, module.bias)
