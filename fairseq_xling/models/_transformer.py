"""BART's encoder and decoder over SdpaAttention; nothing else differs from fairseq's."""

from __future__ import annotations

from typing import Any

from fairseq.distributed import fsdp_wrap
from fairseq.models.transformer import TransformerDecoderBase, TransformerEncoderBase
from fairseq.modules.checkpoint_activations import checkpoint_wrapper
from fairseq.modules.transformer_layer import TransformerDecoderLayerBase, TransformerEncoderLayerBase
from torch import Tensor, nn

from fairseq_xling.models._attention import SdpaAttention

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
            alignment_layer = -1  # no layer has this number, so none computes weights
        return super().extract_features(
            prev_output_tokens, encoder_out, incremental_state, full_context_alignment, alignment_layer, alignment_heads
        )


def _wrapped(layer: nn.Module, cfg: Any) -> nn.Module:
    """Activation checkpointing and FSDP as fairseq's own layers have them."""
    if cfg.checkpoint_activations:
        layer = checkpoint_wrapper(layer, offload_to_cpu=cfg.offload_activations)
    minimum = 0 if cfg.checkpoint_activations else cfg.min_params_to_wrap
    return fsdp_wrap(layer, min_num_params=minimum)
