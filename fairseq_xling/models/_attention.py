"""fairseq's attention module with torch's fused attention inside, wherever nobody asks for the weights."""

from __future__ import annotations

from typing import Any

import torch
from fairseq.modules import MultiheadAttention
from torch import Tensor

from fairseq_xling.nn.attention import attend, attention_bias, merge_heads, split_heads
from fairseq_xling.nn.packing import Crossing, Packing

State = dict[str, dict[str, Tensor | None]]


class SdpaAttention(MultiheadAttention):
    """Same parameters, same names, same result as fairseq's; weights, when asked for, come from fairseq's own path."""

    def forward(
        self,
        query: Tensor,
        key: Tensor | None,
        value: Tensor | None,
        key_padding_mask: Tensor | Packing | Crossing | None = None,
        incremental_state: State | None = None,
        need_weights: bool = True,
        static_kv: bool = False,
        attn_mask: Tensor | None = None,
        before_softmax: bool = False,
        need_head_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """`query` [t, n, dim], `key` and `value` [s, n, dim] to [t, n, dim] and the weights or None.

        With a Packing in the place of the mask, `query` are its tokens [N, 1, dim], which attend within their sentence;
        with a Crossing, `key` are the other side's tokens.
        """
        if isinstance(key_padding_mask, Packing):
            key, key_padding_mask = query, Crossing(key_padding_mask, key_padding_mask)
        if isinstance(key_padding_mask, Crossing):
            return self._packed(query[:, 0], key[:, 0], key_padding_mask, attn_mask)[:, None], None
        if need_weights or need_head_weights or before_softmax or not self._is_plain(query):
            return super().forward(
                query, key, value, key_padding_mask, incremental_state, need_weights, static_kv, attn_mask,
                before_softmax, need_head_weights,
            )  # fmt: skip
        queries = split_heads(self.q_proj(query), self.num_heads)
        keys, values, padding = self._keys(query, key, value, key_padding_mask, incremental_state, static_kv)
        bias = attention_bias(padding, attn_mask, queries.dtype)
        return self.out_proj(merge_heads(attend(queries, keys, values, bias, self._dropout))), None

    def _packed(self, tokens: Tensor, others: Tensor, crossing: Crossing, mask: Tensor | None) -> Tensor:
        """`tokens` [N, dim] attend to `others` [M, dim], a row each; only the products of heads see padding."""
        queries, keys, values = (
            packing.padded(part(rows)).view(*packing.there.shape, self.num_heads, self.head_dim).transpose(1, 2)
            for part, rows, packing in (
                (self.q_proj, tokens, crossing.queries),
                (self.k_proj, others, crossing.keys),
                (self.v_proj, others, crossing.keys),
            )
        )
        padding = None if crossing.keys.seen is None else crossing.keys.there.logical_not()
        attended = attend(queries, keys, values, attention_bias(padding, mask, queries.dtype), self._dropout)
        found: Tensor = self.out_proj(crossing.queries.flat(attended.transpose(1, 2).flatten(2)))
        return found

    @property
    def _dropout(self) -> float:
        dropping = self.training or self.dropout_module.apply_during_inference
        return float(self.dropout_module.p) if dropping else 0.0

    @property
    def special(self) -> bool:
        """Whether options ask for what only fairseq's own path does."""
        return self.bias_k is not None or self.add_zero_attn or self.use_xformers or self.onnx_trace

    def _is_plain(self, query: Tensor) -> bool:
        return not self.special and query.device.type != "xla" and not torch.jit.is_scripting()

    def _keys(
        self,
        query: Tensor,
        key: Tensor | None,
        value: Tensor | None,
        padding: Tensor | None,
        incremental_state: State | None,
        static: bool,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys and values [n, heads, s, d] and pads [n, s], earlier steps of incremental decoding included."""
        saved: dict[str, Any] = {} if incremental_state is None else self._get_input_buffer(incremental_state)
        if static and "prev_key" in saved:
            return saved["prev_key"], saved["prev_value"], saved["prev_key_padding_mask"]
        if self.self_attention:
            key = value = query
        elif self.encoder_decoder_attention:
            value = key
        keys = split_heads(self.k_proj(key), self.num_heads)
        values = split_heads(self.v_proj(value), self.num_heads)
        if incremental_state is None:
            return keys, values, padding
        if "prev_key" in saved:
            keys = torch.cat([saved["prev_key"], keys], dim=2)
            values = torch.cat([saved["prev_value"], values], dim=2)
        padding = self._append_prev_key_padding_mask(
            padding, saved.get("prev_key_padding_mask"), keys.size(0), keys.size(2), static
        )
        # fairseq's own path takes views of what is saved here.
        saved.update(prev_key=keys.contiguous(), prev_value=values.contiguous(), prev_key_padding_mask=padding)
        self._set_input_buffer(incremental_state, saved)
        return keys, values, padding
