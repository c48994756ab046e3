"""Multi-head attention through torch's scaled_dot_product_attention, which never materialises the weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def split_heads(states: Tensor, heads: int) -> Tensor:
    """`states` [length, batch, dim] to [batch, heads, length, dim / heads], without a copy."""
    length, batch, dim = states.shape
    return states.view(length, batch, heads, dim // heads).permute(1, 2, 0, 3)


def merge_heads(attended: Tensor) -> Tensor:
    """[batch, heads, length, dim / heads] back to [length, batch, dim]."""
    batch, heads, length, size = attended.shape
    return attended.permute(2, 0, 1, 3).reshape(length, batch, heads * size)


def attention_bias(padding: Tensor | None, mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """What is added to the scores, or True where attending is allowed; None when every key may be attended to.

    `padding` [batch, keys], non-zero at pads; `mask` [queries, keys], additive, or boolean with True where forbidden.
    """
    if mask is not None and mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=dtype).masked_fill_(mask, float("-inf"))
    if padding is None:
        return mask if mask is None else mask.to(dtype)
    allowed = padding.bool().logical_not()[:, None, None, :]
    if mask is None:
        return allowed
    return mask.to(dtype)[None, None].masked_fill(allowed.logical_not(), float("-inf"))


def attend(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None, dropout: float = 0.0) -> Tensor:
    """softmax(Q Kᵀ / √d + bias) V; queries [batch, heads, t, d], keys and values [batch, heads, s, d].

    Where the queries' batch is a multiple of the keys' (the beams of one sentence stand side by side), they share
    the keys: the beams become more queries of the same sentence instead of copies of its keys.
    """
    rows, heads, length, size = queries.shape
    sentences = keys.shape[0]
    beams = rows // sentences
    if beams > 1:
        queries = queries.reshape(sentences, beams, heads, length, size).transpose(1, 2)
        queries = queries.reshape(sentences, heads, beams * length, size)
    attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=bias, dropout_p=dropout)
    if beams > 1:
        attended = attended.view(sentences, heads, beams, length, size).transpose(1, 2)
        attended = attended.reshape(rows, heads, length, size)
    return attended
