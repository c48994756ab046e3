"""The encoder that both sides of a dual encoder share: XLM-R's or mBART's layers under XLM-R's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from fairseq.data import Dictionary
from fairseq.models.roberta import RobertaEncoder
from fairseq.models.transformer import TransformerConfig
from fairseq.modules import LearnedPositionalEmbedding
from fairseq.modules.transformer_sentence_encoder import init_bert_params
from torch import Tensor, nn
from torch.nn import functional

from fairseq_xling.models._transformer import CrissEncoder

TOWERS = ("xlmr", "mbart")
TOWER = "encoder.sentence_encoder."


class RestartingPositions(LearnedPositionalEmbedding):
    """Positions count from each `<s>`: the two sides of a joined pair both begin at the first (TLM: XLM, section 3.3).

    With one `<s>`, or none, they are fairseq's own.
    """

    bos = 0

    def forward(self, input: Tensor, incremental_state: Any = None, positions: Tensor | None = None) -> Tensor:
        if positions is None:
            positions = restarting_positions(input, self.padding_idx, self.bos)
        return functional.embedding(positions, self.weight, self.padding_idx)


def restarting_positions(tokens: Tensor, pad: int, bos: int) -> Tensor:
    """Row of the position table of each of `tokens` [n, length]: `pad` at pads, else pad + 1, … from each `bos` on."""
    there = tokens.ne(pad)
    count = there.long().cumsum(dim=1)
    before = torch.where(tokens.eq(bos), count - 1, torch.zeros_like(count)).cummax(dim=1).values
    return torch.where(there, count - before + pad, pad)


class Tower(CrissEncoder):
    """fairseq's encoder with layers of ours and positions that restart."""

    def __init__(self, cfg: TransformerConfig, dictionary: Dictionary, embed_tokens: nn.Embedding) -> None:
        super().__init__(cfg, dictionary, embed_tokens)
        given = self.embed_positions
        positions = RestartingPositions(given.num_embeddings, given.embedding_dim, given.padding_idx)
        positions.load_state_dict(given.state_dict())
        positions.bos = dictionary.bos()
        self.embed_positions = positions


class DualEncoder(RobertaEncoder):
    """XLM-R's encoder with its masked-LM head, over the tower."""

    def build_encoder(self, args: Any, dictionary: Dictionary, embed_tokens: nn.Embedding) -> Tower:
        tower = Tower(TransformerConfig.from_namespace(args), dictionary, embed_tokens)
        tower.apply(init_bert_params)
        return tower

    def states(self, tokens: Tensor, all_layers: bool) -> list[Tensor]:
        """Layer states [length, n, dim], embeddings first, the last after the final LayerNorm; or only the last."""
        encoded = self.sentence_encoder(tokens, return_all_hiddens=all_layers)
        last = encoded["encoder_out"][0]
        return [*encoded["encoder_states"][:-1], last] if all_layers else [last]

    def states_of(self, sides: Sequence[Tensor], all_layers: bool) -> list[list[Tensor]]:
        """`states` of each of several batches, whose sentences go through the layers together."""
        pad, width = self.dictionary.pad(), max(side.size(1) for side in sides)
        together = torch.cat([functional.pad(side, (0, width - side.size(1)), value=pad) for side in sides])
        parts = [layer.split([len(side) for side in sides], dim=1) for layer in self.states(together, all_layers)]
        return [[layer[number][: side.size(1)] for layer in parts] for number, side in enumerate(sides)]
