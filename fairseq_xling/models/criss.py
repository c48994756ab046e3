"""The model `criss`: fairseq's mBART with sentence vectors (arXiv 2006.09526)."""

from __future__ import annotations

import contextlib
import math
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from fairseq.data import Dictionary
from fairseq.models import register_model, register_model_architecture
from fairseq.models.bart import BARTModel, mbart_large_architecture
from fairseq.models.transformer import TransformerConfig, TransformerDecoderBase, TransformerEncoderBase
from fairseq.models.transformer.transformer_legacy import base_architecture
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from fairseq_xling.models._checkpoints import add_versions, check_rows, misfit
from fairseq_xling.models._errors import user_errors
from fairseq_xling.models._joined import joined_vectors
from fairseq_xling.models._transformer import CrissDecoder, CrissEncoder
from fairseq_xling.nn.pooling import masked_mean
from fairseq_xling.nn.runs import Joined
from fairseq_xling.nn.token_loss import token_loss


@register_model("criss")
class CrissModel(BARTModel):
    """An mBART whose encoder also gives sentence vectors; its checkpoints and stock mBART's are interchangeable."""

    def __init__(self, args: Any, encoder: TransformerEncoderBase, decoder: TransformerDecoderBase) -> None:
        super().__init__(args, encoder, decoder)
        _widen_initial_weights(self, args.encoder_embed_dim)

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        BARTModel.add_args(parser)
        parser.add_argument(
            "--criss-attention",
            choices=["sdpa", "stock"],
            help="sdpa (the default): torch's fused attention; stock: fairseq's own, same result, slower, "
            "returns the weights of the last layer as alignment criterions want them",
        )

    @classmethod
    def build_model(cls, args: Any, task: Any) -> CrissModel:
        # BART and its parents read and write options as attributes of a Namespace; a hydra run has a DictConfig.
        if isinstance(args, DictConfig):
            args = Namespace(**OmegaConf.to_container(args, resolve=True))
        criss_large_architecture(args)
        return super().build_model(args, task)

    @classmethod
    def build_encoder(cls, args: Any, src_dict: Dictionary, embed_tokens: nn.Embedding) -> TransformerEncoderBase:
        kind = CrissEncoder if args.criss_attention == "sdpa" else TransformerEncoderBase
        return kind(TransformerConfig.from_namespace(args), src_dict, embed_tokens)

    @classmethod
    def build_decoder(cls, args: Any, tgt_dict: Dictionary, embed_tokens: nn.Embedding) -> TransformerDecoderBase:
        kind = CrissDecoder if args.criss_attention == "sdpa" else TransformerDecoderBase
        return kind(TransformerConfig.from_namespace(args), tgt_dict, embed_tokens)

    @classmethod
    def hub_models(cls) -> dict[str, str]:
        return {}

    @property
    def takes_targets(self) -> bool:
        """Whether `forward` can take the loss itself: a plain projection, whole on this device, and not in fp16."""
        projection = self.decoder.output_projection
        plain = isinstance(projection, nn.Linear) and projection.bias is None and projection.weight.dim() == 2
        return plain and projection.weight.dtype != torch.float16

    def forward(
        self, src_tokens: Tensor, *positional: Any, targets: Tensor | None = None, smoothing: float = 0.0, **named: Any
    ) -> Any:
        """BART's forward; with `targets` [n, length] the loss and the nll of its non-pad tokens (nn/token_loss.py)."""
        if targets is None:
            return super().forward(src_tokens, *positional, **named)
        states = super().forward(src_tokens, *positional, features_only=True, **named)[0]
        there = targets.ne(self.decoder.padding_idx)
        return token_loss(states[there], self.decoder.output_projection.weight, targets[there], smoothing)

    @property
    def depth(self) -> int:
        """Number of encoder layers, which is also the number of the last one; layer 0 are the embeddings."""
        return len(self.encoder.layers)

    def sentence_vectors(
        self, src_tokens: Tensor, src_lengths: Tensor | None = None, layer: int | None = None
    ) -> Tensor:
        """`src_tokens` [n, length], padded on either side, to [n, dim] float32: mean over all non-pad positions.

        `</s>` counts, and so does a language token that is there. `layer` None and `depth` are the last layer after
        the final LayerNorm (the release's vectors), 0 the embeddings, any other the plain output of that layer.
        """
        states = self.token_states(src_tokens, layer, src_lengths).transpose(0, 1)
        return masked_mean(states, src_tokens.ne(self.encoder.padding_idx))

    def token_states(self, src_tokens: Tensor, layer: int | None = None, src_lengths: Tensor | None = None) -> Tensor:
        """`src_tokens` [n, length] to the states of a layer, [n, length, dim]; what stands at pads means nothing."""
        number = self._layer_number(layer)
        last = number == self.depth
        encoded = self.encoder(src_tokens, src_lengths=src_lengths, return_all_hiddens=not last)
        states: Tensor = encoded["encoder_out"][0] if last else encoded["encoder_states"][number]
        return states.transpose(0, 1)

    def joined_vectors(self, joined: Joined, layer: int | None = None) -> Tensor:
        """`sentence_vectors` of sentences without pads, in eval mode; no layer above `layer` is computed."""
        chosen = [self._layer_number(layer)]
        return joined_vectors(self.encoder, joined, chosen, lambda states, counted: masked_mean(states[0], counted))

    def _layer_number(self, layer: int | None) -> int:
        if layer is not None and not 0 <= layer <= self.depth:
            raise ValueError(f"layer must be between 0 and {self.depth}, but is {layer}")
        return self.depth if layer is None else layer

    def set_beam_size(self, beam: int) -> None:
        """Nothing: a generator would leave the size behind, and cross-attention in training would obey it.

        `shared_beams` sets it for as long as one search lasts.
        """

    @contextlib.contextmanager
    def shared_beams(self, beam: int) -> Iterator[None]:
        """Within the block, the beams of a sentence share its cross-attention keys."""
        layers = [layer.encoder_attn for layer in self.decoder.layers if hasattr(layer, "encoder_attn")]
        if beam == 1 or not layers:
            yield
            return
        for attention in layers:
            attention.set_beam_size(beam)
        self.encoder.reorder_encoder_out = self.encoder._reorder_encoder_out
        try:
            yield
        finally:
            del self.encoder.reorder_encoder_out
            for attention in layers:
                attention.set_beam_size(1)

    def upgrade_state_dict_named(self, state_dict: dict[str, Tensor], name: str) -> None:
        add_versions(state_dict)
        # In pretraining, fairseq adds rows for new languages before the mask's; the projection is to have them too.
        if self.args.task not in ("multilingual_denoising", "mbart_denoising"):
            check_rows(state_dict, self.encoder.dictionary)
        super().upgrade_state_dict_named(state_dict, name)
        if self.decoder.share_input_output_embed:
            state_dict["decoder.output_projection.weight"] = state_dict["decoder.embed_tokens.weight"]

    def load_state_dict(self, state_dict: dict[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        """As fairseq's, with a checkpoint that does not fit told in one line (CheckpointError)."""
        with user_errors():
            try:
                return super().load_state_dict(state_dict, *args, **kwargs)
            except RuntimeError as error:
                if "loading state_dict" not in str(error):
                    raise
                raise misfit(error) from error

    @classmethod
    def from_pretrained(
        cls,
        model_name_or_path: str,
        checkpoint_file: str = "model.pt",
        data_name_or_path: str = ".",
        bpe: str = "sentencepiece",
        **kwargs: Any,
    ) -> Any:
        """A CrissHub, which translates and encodes sentences; options of the task and of generation as keywords."""
        from fairseq_xling.models._hub import load_hub

        return load_hub(model_name_or_path, checkpoint_file, data_name_or_path, bpe, **kwargs)


def _widen_initial_weights(model: nn.Module, dim: int) -> None:
    """Scale BERT's initial weights (std 0.02, chosen for widths like 1024) so that a layer's output is as large at
    any width; 1024 stays as it is.

    At 128 the outputs of attention would be an eighth of what they are at 1024, and finding which source word a target
    word belongs to takes several times as many updates.
    """
    factor = math.sqrt(1024 / dim)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(factor)


def shared_beams(models: Sequence[nn.Module], beam: int) -> contextlib.ExitStack:
    """A block in which every CrissModel of an ensemble shares its keys among the beams."""
    stack = contextlib.ExitStack()
    for model in models:
        if isinstance(model, CrissModel):
            stack.enter_context(model.shared_beams(beam))
    return stack


@register_model_architecture("criss", "criss_large")
def criss_large_architecture(args: Any) -> None:
    """The shape of mBART cc25 and of the released CRISS checkpoints: 12+12 layers, 1024, 16 heads, final LayerNorms."""
    args.criss_attention = getattr(args, "criss_attention", None) or "sdpa"
    # BARTModel looks at the task's name when it loads a checkpoint; a hydra run keeps it elsewhere.
    args.task = getattr(args, "task", "criss")
    args.encoder_normalize_before = getattr(args, "encoder_normalize_before", True)
    args.decoder_normalize_before = getattr(args, "decoder_normalize_before", True)
    mbart_large_architecture(args)
    base_architecture(args)


@register_model_architecture("criss", "criss_base")
def criss_base_architecture(args: Any) -> None:
    """6+6 layers, 512, 8 heads."""
    _sized(args, layers=6, dim=512, heads=8)


@register_model_architecture("criss", "criss_tiny")
def criss_tiny_architecture(args: Any) -> None:
    """3+3 layers, 128, 4 heads: for tests, examples and a laptop."""
    _sized(args, layers=3, dim=128, heads=4)


def _sized(args: Any, layers: int, dim: int, heads: int) -> None:
    # The decoder's widths follow the encoder's in BART's own architecture.
    args.encoder_embed_dim = getattr(args, "encoder_embed_dim", dim)
    args.encoder_ffn_embed_dim = getattr(args, "encoder_ffn_embed_dim", 4 * args.encoder_embed_dim)
    for part in ("encoder", "decoder"):
        setattr(args, f"{part}_layers", getattr(args, f"{part}_layers", layers))
        setattr(args, f"{part}_attention_heads", getattr(args, f"{part}_attention_heads", heads))
    criss_large_architecture(args)
