"""BART's encoder and decoder over SdpaAttention, whose layers work on tokens and not on pads; the rest is fairseq's."""

from __future__ import annotations

from typing import Any

import torch
from fairseq.distributed import fsdp_wrap
from fairseq.models.transformer import TransformerDecoderBase, TransformerEncoderBase
from fairseq.modules.checkpoint_activations import checkpoint_wrapper
from fairseq.modules.transformer_layer import TransformerDecoderLayerBase, TransformerEncoderLayerBase
from torch import Tensor, nn

from fairseq_xling.models._attention import SdpaAttention
from fairseq_xling.nn.packing import Crossing, Packing

# fairseq 0.12's encoder layers hold second copies of their weights for a kernel of torch 1.12 that is switched off:
# never trained, refilled at every load, saved with every checkpoint, and unused parameters to DistributedDataParallel.
# Checkpoints of mBART and CRISS do not have them.
COPIES = tuple(f"{part}_{kind}" for part in ("in_proj", "out_proj", "fc1", "fc2") for kind in ("weight", "bias"))


class CrissEncoderLayer(TransformerEncoderLayerBase):
    """An encoder layer with fused attention and without the copies of its weights."""

    def __init__(self, cfg: Any, return_fc: bool = False) -> None:
        super().__init__(cfg, return_fc)
        self.can_use_fastpath = False
        for name in COPIES:
            delattr(self, name)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: Any) -> None:
        for name in COPIES:
            state_dict.pop(prefix + name, None)
        nn.Module._load_from_state_dict(self, state_dict, prefix, *others)

    def build_self_attention(self, embed_dim: int, cfg: Any) -> SdpaAttention:
        return SdpaAttention(
            embed_dim,
            cfg.encoder.attention_heads,
            dropout=cfg.attention_dropout,
            self_attention=True,
            q_noise=self.quant_noise,
            qn_block_size=self.quant_noise_block_size,
            xformers_att_config=cfg.encoder.xformers_att_config,
        )


class CrissDecoderLayer(TransformerDecoderLayerBase):
    """A decoder layer with fused attention, which computes weights only when the decoder asks for them."""

    def __init__(self, cfg: Any, no_encoder_attn: bool = False) -> None:
        super().__init__(cfg, no_encoder_attn)
        self.need_attn = False

    def build_self_attention(
        self, embed_dim: int, cfg: Any, add_bias_kv: bool = False, add_zero_attn: bool = False
    ) -> SdpaAttention:
        return SdpaAttention(
            embed_dim,
            cfg.decoder.attention_heads,
            dropout=cfg.attention_dropout,
            add_bias_kv=add_bias_kv,
            add_zero_attn=add_zero_attn,
            self_attention=not cfg.cross_self_attention,
            q_noise=self.quant_noise,
            qn_block_size=self.quant_noise_block_size,
            xformers_att_config=cfg.decoder.xformers_att_config,
        )

    def build_encoder_attention(self, embed_dim: int, cfg: Any) -> SdpaAttention:
        return SdpaAttention(
            embed_dim,
            cfg.decoder.attention_heads,
            kdim=cfg.encoder.embed_dim,
            vdim=cfg.encoder.embed_dim,
            dropout=cfg.attention_dropout,
            encoder_decoder_attention=True,
            q_noise=self.quant_noise,
            qn_block_size=self.quant_noise_block_size,
            xformers_att_config=cfg.encoder.xformers_att_config,
        )


class CrissEncoder(TransformerEncoderBase):
    """fairseq's encoder with layers of ours."""

    def build_encoder_layer(self, cfg: Any) -> nn.Module:
        return _wrapped(CrissEncoderLayer(cfg, return_fc=self.return_fc), cfg)

    def forward(
        self,
        src_tokens: Tensor,
        src_lengths: Tensor | None = None,
        return_all_hiddens: bool = False,
        token_embeddings: Tensor | None = None,
    ) -> dict[str, list[Any]]:
        """What fairseq's gives, with zeros as the states of pads."""
        if self.return_fc or not _packs(self.layers):
            return super().forward(src_tokens, src_lengths, return_all_hiddens, token_embeddings)
        there = src_tokens.ne(self.padding_idx)
        packing = Packing(there)
        embedded, plain = self.forward_embedding(src_tokens, token_embeddings)
        states = packing.flat(embedded)[:, None]
        found = [states]
        for layer in self.layers:
            states = layer(states, encoder_padding_mask=packing)
            found.append(states)
        last = states if self.layer_norm is None else self.layer_norm(states)
        return {
            "encoder_out": [_padded(last, packing)],
            "encoder_padding_mask": [there.logical_not()],
            "encoder_embedding": [plain],
            "encoder_states": [_padded(layer, packing) for layer in found] if return_all_hiddens else [],
            "fc_results": [],
            "src_tokens": [],
            "src_lengths": [there.sum(dim=1, dtype=torch.int32)[:, None]],
        }


class CrissDecoder(TransformerDecoderBase):
    """fairseq's decoder with layers of ours; the attention of its last layer is returned only when asked for."""

    # The generator has no other way to say that it wants an alignment.
    keep_alignment = False

    def build_decoder_layer(self, cfg: Any, no_encoder_attn: bool = False) -> nn.Module:
        return _wrapped(CrissDecoderLayer(cfg, no_encoder_attn), cfg)

    def extract_features(
        self,
        prev_output_tokens: Tensor,
        encoder_out: dict[str, list[Tensor]] | None,
        incremental_state: dict[str, Any] | None = None,
        full_context_alignment: bool = False,
        alignment_layer: int | None = None,
        alignment_heads: int | None = None,
    ) -> tuple[Tensor, dict[str, Any]]:
        """As fairseq's, where "attn" is None unless an alignment layer, heads or the full context are named."""
        asked = self.keep_alignment or full_context_alignment or alignment_heads is not None
        if alignment_layer is None and not asked:
            if incremental_state is None and encoder_out is not None and self._packs(prev_output_tokens):
                return self._packed_features(prev_output_tokens, encoder_out)
            alignment_layer = -1  # no layer has this number, so none computes weights
        return super().extract_features(
            prev_output_tokens, encoder_out, incremental_state, full_context_alignment, alignment_layer, alignment_heads
        )

    def _packs(self, tokens: Tensor) -> bool:
        # A sentence that begins with a pad has positions that may look at nothing.
        whole = bool(tokens[:, 0].ne(self.padding_idx).all())
        return whole and not self.cross_self_attention and _packs(self.layers)

    def _packed_features(
        self, prev_output_tokens: Tensor, encoder_out: dict[str, list[Tensor]]
    ) -> tuple[Tensor, dict[str, Any]]:
        """All positions at once, with zeros as the features of pads."""
        encoded, pads = encoder_out["encoder_out"][0].transpose(0, 1), encoder_out["encoder_padding_mask"]
        source = Packing(pads[0].logical_not() if pads else encoded.new_ones(encoded.shape[:2], dtype=torch.bool))
        target = Packing(prev_output_tokens.ne(self.padding_idx))
        embedded = self._embedded(prev_output_tokens)
        future, others = self.buffered_future_mask(embedded.transpose(0, 1)), source.flat(encoded)[:, None]
        states = target.flat(embedded)[:, None]
        found = [states]
        for layer in self.layers:
            crossing = Crossing(target, source)
            states = layer(states, others, crossing, self_attn_mask=future, self_attn_padding_mask=target)[0]
            found.append(states)
        last = states if self.layer_norm is None else self.layer_norm(states)
        features = _padded(last, target).transpose(0, 1)
        if self.project_out_dim is not None:
            features = self.project_out_dim(features)
        return features, {"attn": [None], "inner_states": [_padded(layer, target) for layer in found]}

    def _embedded(self, tokens: Tensor) -> Tensor:
        """What the first layer reads, [n, length, dim]."""
        states = self.embed_scale * self.embed_tokens(tokens)
        for change in (self.quant_noise, self.project_in_dim):
            states = states if change is None else change(states)
        if self.embed_positions is not None:
            states = states + self.embed_positions(tokens)
        if self.layernorm_embedding is not None:
            states = self.layernorm_embedding(states)
        found: Tensor = self.dropout_module(states)
        return found


def _packs(layers: nn.Module) -> bool:
    """Whether no option asks for an attention that needs padded batches."""
    return not any(isinstance(part, SdpaAttention) and part.special for part in layers.modules())


def _padded(states: Tensor, packing: Packing) -> Tensor:
    """[N, 1, dim] to [length, n, dim]."""
    return packing.padded(states[:, 0]).transpose(0, 1)


def _wrapped(layer: nn.Module, cfg: Any) -> nn.Module:
    """Activation checkpointing and FSDP as fairseq's own layers have them."""
    if cfg.checkpoint_activations:
        layer = checkpoint_wrapper(layer, offload_to_cpu=cfg.offload_activations)
    minimum = 0 if cfg.checkpoint_activations else cfg.min_params_to_wrap
    return fsdp_wrap(layer, min_num_params=minimum)
