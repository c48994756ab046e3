"""The model `dual_encoder`: one tower for both sides, pooled to sentence vectors (LaBSE, DAP).

Its parameters have XLM-R's names (`encoder.sentence_encoder.…`, `encoder.lm_head.…`), so that XLM-R loads into it as it
is, and fairseq's sentence classification finetunes it. What is called a head but that is for training alone.
"""

from __future__ import annotations

import math
from argparse import ArgumentParser
from functools import partial
from typing import Any, NamedTuple

import torch
from fairseq.models import register_model, register_model_architecture
from fairseq.models.roberta import RobertaModel
from fairseq.models.roberta.model import base_architecture
from omegaconf import OmegaConf
from torch import Tensor, nn

from fairseq_xling.models._checkpoints import misfit
from fairseq_xling.models._dual_checkpoints import adapted
from fairseq_xling.models._errors import user_errors
from fairseq_xling.models._joined import joined_vectors
from fairseq_xling.models._pair_losses import Rebuilder, masked_losses
from fairseq_xling.models._rtl_head import build_rtl_head
from fairseq_xling.models._tower import TOWERS, DualEncoder
from fairseq_xling.nn.gradcache import in_chunks
from fairseq_xling.nn.pair_batch import PairBatch, PairLosses
from fairseq_xling.nn.pooling import POOLINGS, masked_mean, pooled
from fairseq_xling.nn.recovery import WordRecovery
from fairseq_xling.nn.runs import Joined

ALL_LAYERS = ("avg_top2", "avg_first_last")
RTL_LAYERS = 2
"""DAP's K, what the criterion `rtl` has when --rtl-layers does not say."""


class PairOutput(NamedTuple):
    """What a criterion takes the loss of; n sentence pairs."""

    source: Tensor
    """[n, dim], in training after the training head."""
    target: Tensor
    hard: Tensor | None
    """[n, k, dim]."""
    losses: PairLosses
    idle: Tensor
    """Zero, with a gradient to the parameters that this batch does not use: DistributedDataParallel waits for all."""


@register_model("dual_encoder")
class DualEncoderModel(RobertaModel):
    """An XLM-R that gives sentence vectors, with its masked-LM head and what dual training adds."""

    def __init__(self, args: Any, encoder: DualEncoder) -> None:
        super().__init__(args, encoder)
        _widen_initial_weights(self, args.encoder_embed_dim)
        self.pooling: str = args.dual_pooling
        dim = args.encoder_embed_dim
        self.train_head = nn.Sequential(nn.Linear(dim, dim), nn.Tanh()) if args.dual_train_head else None
        self.rtl_head = build_rtl_head(encoder, args.rtl_layers, args.rtl_languages) if args.rtl_layers else None
        self.recovery_head = WordRecovery(dim) if args.dual_recovery else None

    @staticmethod
    def add_args(parser: ArgumentParser) -> None:
        RobertaModel.add_args(parser)
        parser.add_argument(
            "--dual-tower",
            choices=TOWERS,
            help="xlmr (the default): layers as XLM-R's; mbart: as those of mBART's and CRISS' encoder",
        )
        parser.add_argument(
            "--dual-pooling",
            choices=POOLINGS,
            help="from token states to the sentence's vector (default: first for xlmr, mean for mbart)",
        )
        parser.add_argument(
            "--dual-train-head",
            action="store_true",
            help="a dense layer with tanh behind the pooling, in training only (DAP)",
        )
        parser.add_argument(
            "--dual-recovery",
            action="store_true",
            default=None,
            help="the attention of --masked-objectives recovery, which brings it along on the command line",
        )
        parser.add_argument(
            "--dual-stack",
            action="store_true",
            help="let a checkpoint with fewer layers be stacked: layer i is its layer i mod its depth (LaBSE)",
        )
        parser.add_argument(
            "--rtl-layers",
            type=int,
            metavar="K",
            help=f"layers of the RTL head, copies of the tower's last K (default: {RTL_LAYERS} with --criterion rtl, "
            "else 0: no head)",
        )

    @classmethod
    def build_model(cls, args: Any, task: Any) -> DualEncoderModel:
        if OmegaConf.is_config(args):
            OmegaConf.set_struct(args, False)
        dual_encoder_architecture(args)
        if getattr(args, "rtl_languages", None) is None:
            args.rtl_languages = len(getattr(task, "languages", ()))
        with user_errors():
            return cls(args, DualEncoder(args, task.source_dictionary))

    # ---- sentence vectors

    @property
    def depth(self) -> int:
        """Number of layers, which is also the number of the last one; layer 0 are the embeddings."""
        return len(self.encoder.sentence_encoder.layers)

    @property
    def padding_idx(self) -> int:
        return int(self.encoder.sentence_encoder.padding_idx)

    def sentence_vectors(
        self, src_tokens: Tensor, src_lengths: Tensor | None = None, layer: int | None = None
    ) -> Tensor:
        """`src_tokens` [n, length], padded on either side, to [n, dim] float32, without the training head.

        `layer` None is the pooling that the model has. With a number, that layer's states are pooled: by their mean
        where the model averages two layers.
        """
        layers = self._layers(layer)
        states = self.encoder.states(src_tokens, layers != [self.depth])
        chosen = states if len(states) == len(layers) else [states[number] for number in layers]
        return self._pooled(chosen, src_tokens.ne(self.padding_idx))

    def joined_vectors(self, joined: Joined, layer: int | None = None) -> Tensor:
        """The same of sentences without pads, in eval mode: no padding is computed, and no layer above `layer`."""
        return joined_vectors(self.encoder.sentence_encoder, joined, self._layers(layer), self._pooled)

    def _layers(self, layer: int | None) -> list[int]:
        """The layers whose states are pooled."""
        if layer is not None and not 0 <= layer <= self.depth:
            raise ValueError(f"layer must be between 0 and {self.depth}, but is {layer}")
        if layer is None and self.pooling in ALL_LAYERS:
            return list(range(self.depth + 1))
        return [self.depth if layer is None else layer]

    def _pooled(self, states: list[Tensor], counted: Tensor) -> Tensor:
        if len(states) == 1 and self.pooling in ALL_LAYERS:
            return masked_mean(states[0], counted)
        return pooled(states, counted, self.pooling)

    def token_states(self, src_tokens: Tensor, layer: int | None = None) -> Tensor:
        """`src_tokens` [n, length] to the states of a layer, or of the last one, [n, length, dim]; zeros at pads."""
        states = self.encoder.states(src_tokens, layer is not None)
        return states[-1 if layer is None else layer].transpose(0, 1)

    # ---- training

    def forward(self, src_tokens: Tensor, *positional: Any, pairs: PairBatch | None = None, **named: Any) -> Any:
        """XLM-R's forward; with `pairs`, the other sides of `src_tokens`, a PairOutput."""
        if pairs is None:
            return super().forward(src_tokens, *positional, **named)
        found = in_chunks(partial(self._encode, pairs.vocabulary), [src_tokens, *pairs.rows], pairs.chunk)
        source, target, *rest = found
        hard = rest.pop(0) if pairs.hard is not None else None
        return PairOutput(source, target, hard, PairLosses(*rest), self._idle(pairs))

    def _encode(
        self, vocabulary: Tensor | None, source: Tensor, target: Tensor, hard: Tensor | None, *rest: Tensor | None
    ) -> tuple[Tensor, ...]:
        """What becomes of each pair by itself: vectors, then (sum, number) of RTL and of TLM, all [n, …]."""
        *plan, masked, asked = rest
        sides = [source, target, *([] if hard is None else [hard.flatten(0, 1)])]
        states = self.encoder.states_of(sides, self.pooling in ALL_LAYERS)
        found = [
            self._trained(pooled(of_side, side.ne(self.padding_idx), self.pooling))
            for of_side, side in zip(states, sides, strict=True)
        ]
        if hard is not None:
            found[2] = found[2].view(*hard.shape[:2], -1)
        if plan[0] is not None and self.rtl_head is not None:
            last = [of_side[-1].transpose(0, 1) for of_side in states[:2]]
            rebuilder = Rebuilder(self.rtl_head, self.encoder.dictionary, vocabulary)
            found += rebuilder.losses((source, target), last, plan)
        else:
            found += [found[0].new_zeros(len(source)), found[0].new_zeros(len(source))]
        found += masked_losses(self.encoder, masked, asked, found[0])
        return tuple(found)

    def _trained(self, vectors: Tensor) -> Tensor:
        if self.train_head is None or not self.training:
            return vectors
        found: Tensor = self.train_head(vectors.to(self.train_head[0].weight.dtype))
        return found

    def _idle(self, pairs: PairBatch) -> Tensor:
        unused = [] if self.recovery_head is None else [*self.recovery_head.parameters()]
        if self.rtl_head is not None:
            head = self.rtl_head
            unused += head.languages.parameters() if pairs.forward is not None else head.parameters()
        if pairs.masked is None:
            lm_head = self.encoder.lm_head
            unused += [*lm_head.dense.parameters(), *lm_head.layer_norm.parameters(), lm_head.bias]
        zeros = [0.0 * parameter.float().sum() for parameter in unused]
        return torch.stack(zeros).sum() if zeros else torch.zeros((), device=next(self.parameters()).device)

    # ---- checkpoints

    def upgrade_state_dict_named(self, state_dict: dict[str, Tensor], name: str) -> None:
        """XLM-R's, mBART's, CRISS' and our own checkpoints, with or without the heads that this model has."""
        adapted(state_dict, self)
        super().upgrade_state_dict_named(state_dict, name)

    def load_state_dict(self, state_dict: dict[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        """As fairseq's, with a checkpoint that does not fit told in one line (CheckpointError)."""
        with user_errors():
            try:
                return super().load_state_dict(state_dict, *args, **kwargs)
            except RuntimeError as error:
                if "loading state_dict" not in str(error):
                    raise
                raise misfit(error) from error


def _widen_initial_weights(model: nn.Module, dim: int) -> None:
    """Scale BERT's initial weights (std 0.02 at a width of 768) so that a layer's output is as large at any width."""
    factor = math.sqrt(768 / dim)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(factor)


@register_model_architecture("dual_encoder", "dual_encoder")
def dual_encoder_architecture(args: Any) -> None:
    """XLM-R base, or with --dual-tower mbart the layers of mBART's encoder in the sizes that are given."""
    args.dual_tower = getattr(args, "dual_tower", None) or "xlmr"
    mbart = args.dual_tower == "mbart"
    args.dual_pooling = getattr(args, "dual_pooling", None) or ("mean" if mbart else "first")
    args.dual_train_head = getattr(args, "dual_train_head", False)
    args.dual_stack = getattr(args, "dual_stack", False)
    if getattr(args, "dual_recovery", None) is None:
        args.dual_recovery = "recovery" in (getattr(args, "masked_objectives", None) or "")
    if getattr(args, "rtl_layers", None) is None:
        args.rtl_layers = RTL_LAYERS if getattr(args, "criterion", None) == "rtl" else 0
    if getattr(args, "max_positions", None) is None:
        args.max_positions = 1024 if mbart else 512
    if mbart:
        args.encoder_normalize_before = args.layernorm_embedding = True
        args.no_scale_embedding = False
    base_architecture(args)


@register_model_architecture("dual_encoder", "dual_encoder_base")
def dual_encoder_base_architecture(args: Any) -> None:
    """12 layers, 768, 12 heads: XLM-R base, mBERT and LaBSE."""
    dual_encoder_architecture(args)


@register_model_architecture("dual_encoder", "dual_encoder_tiny")
def dual_encoder_tiny_architecture(args: Any) -> None:
    """3 layers, 128, 4 heads: for tests, examples and a laptop."""
    args.encoder_layers = getattr(args, "encoder_layers", 3)
    args.encoder_embed_dim = getattr(args, "encoder_embed_dim", 128)
    args.encoder_ffn_embed_dim = getattr(args, "encoder_ffn_embed_dim", 4 * args.encoder_embed_dim)
    args.encoder_attention_heads = getattr(args, "encoder_attention_heads", 4)
    dual_encoder_architecture(args)
