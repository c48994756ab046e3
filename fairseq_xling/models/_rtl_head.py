"""The RTL head of a tower: its last K layers, its embeddings and its output once more, with parameters of their own."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from fairseq.models.roberta import RobertaEncoder
from torch import Tensor, nn

from fairseq_xling.errors import ConfigError
from fairseq_xling.models._tower import TOWER
from fairseq_xling.nn.rtl import HeadEmbeddings, HeadOutput, RtlHead
from fairseq_xling.nn.stacking import depth_of

LM_HEAD = "encoder.lm_head."


def build_rtl_head(encoder: RobertaEncoder, layers: int, languages: int) -> RtlHead:
    """A head of `layers` layers; `languages` rows of embeddings for the direction that rebuilds the source."""
    tower = encoder.sentence_encoder
    if not 1 <= layers <= len(tower.layers):
        raise ConfigError(f"--rtl-layers must be between 1 and the tower's {len(tower.layers)} layers, but is {layers}")
    dim = tower.embed_tokens.embedding_dim
    embeddings = HeadEmbeddings(
        nn.Embedding(tower.embed_tokens.num_embeddings, dim),
        nn.Embedding(tower.embed_positions.max_positions, dim),
        nn.Sequential(copy.deepcopy(tower.layernorm_embedding), nn.Dropout(tower.dropout_module.p)),
        tower.embed_scale,
    )
    output = HeadOutput(
        copy.deepcopy(encoder.lm_head.dense), copy.deepcopy(encoder.lm_head.layer_norm), encoder.lm_head.bias
    )
    copies = nn.ModuleList(copy.deepcopy(layer) for layer in tower.layers[-layers:])
    known = nn.Embedding(max(languages, 1), dim)
    nn.init.normal_(known.weight, std=0.02)
    head = RtlHead(embeddings, copies, output, known, copy.deepcopy(tower.layer_norm))
    state = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    head.load_state_dict({**head.state_dict(), **head_state(state, head, tower.padding_idx)})
    return head


def head_state(state: Mapping[str, Tensor], head: RtlHead, pad: int) -> dict[str, Tensor]:
    """The head's initial weights from a tower's checkpoint; what no tower has, language embeddings, is left out."""
    first = depth_of(state, f"{TOWER}layers.") - len(head.layers)
    found = {
        "embeddings.words.weight": state[f"{TOWER}embed_tokens.weight"],
        # fairseq's table begins with rows up to the padding's, which no position uses.
        "embeddings.positions.weight": state[f"{TOWER}embed_positions.weight"][pad + 1 :],
        "output.bias": state[f"{LM_HEAD}bias"],
    }
    for kind in ("weight", "bias"):
        found[f"embeddings.norm.0.{kind}"] = state[f"{TOWER}layernorm_embedding.{kind}"]
        found[f"output.dense.{kind}"] = state[f"{LM_HEAD}dense.{kind}"]
        found[f"output.norm.{kind}"] = state[f"{LM_HEAD}layer_norm.{kind}"]
        if head.final_norm is not None:
            found[f"final_norm.{kind}"] = state[f"{TOWER}layer_norm.{kind}"]
    for number in range(len(head.layers)):
        prefix = f"{TOWER}layers.{first + number}."
        layer = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        found |= {f"layers.{number}.{name}": value for name, value in layer.items()}
    return {name: value.clone() for name, value in found.items()}
