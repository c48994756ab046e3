"""The same XLM-R in fairseq's words and in Hugging Face's: options and config, names of weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fairseq_xling.errors import CheckpointError
from fairseq_xling.models._rtl_head import LM_HEAD
from fairseq_xling.models._tower import TOWER
from fairseq_xling.models._transformer import COPIES

ARCHITECTURE = "XLMRobertaForMaskedLM"
MODEL_TYPE = "xlm-roberta"
PAD = 1
_TYPES = "roberta.embeddings.token_type_embeddings.weight"
_EPS = 1e-5  # torch's, which fairseq leaves as it is

# fairseq's option: (Hugging Face's field, its value where it is not written down).
_SIZES = {
    "encoder_layers": ("num_hidden_layers", 12),
    "encoder_embed_dim": ("hidden_size", 768),
    "encoder_ffn_embed_dim": ("intermediate_size", 3072),
    "encoder_attention_heads": ("num_attention_heads", 12),
    "dropout": ("hidden_dropout_prob", 0.1),
    "attention_dropout": ("attention_probs_dropout_prob", 0.1),
}
_OUTSIDE = {
    f"{TOWER}embed_tokens": "roberta.embeddings.word_embeddings",
    f"{TOWER}embed_positions": "roberta.embeddings.position_embeddings",
    f"{TOWER}layernorm_embedding": "roberta.embeddings.LayerNorm",
    f"{LM_HEAD}dense": "lm_head.dense",
    f"{LM_HEAD}layer_norm": "lm_head.layer_norm",
}
_IN_LAYER = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.output.LayerNorm",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
    "final_layer_norm": "output.LayerNorm",
}
_FROM_LAYER = {theirs: ours for ours, theirs in _IN_LAYER.items()}
_FROM_OUTSIDE = {theirs: ours for ours, theirs in _OUTSIDE.items()}
# What an XLM-R is, in fairseq's options.
_SHAPE = {
    "activation_fn": "gelu",
    "encoder_normalize_before": False,
    "encoder_learned_pos": True,
    "layernorm_embedding": True,
    "no_scale_embedding": True,
    "no_token_positional_embeddings": False,
    "untie_weights_roberta": False,
}


def config_of(options: Any) -> dict[str, Any]:
    """XLMRobertaConfig's fields from a dual encoder's options; CheckpointError for a tower that no XLM-R has."""
    if options.dual_tower != "xlmr":
        raise CheckpointError(
            "the dual encoder's tower is mbart's, which no class of Hugging Face has without a decoder. Convert --to "
            "sentence-transformers instead."
        )
    found = {name: getattr(options, name) for name in _SHAPE}
    faults = [f"{name} is {found[name]}" for name, value in _SHAPE.items() if found[name] != value]
    if faults:
        raise CheckpointError(f"Hugging Face's XLMRoberta cannot be such a model: {', '.join(faults)}.")
    return {
        "architectures": [ARCHITECTURE],
        "model_type": MODEL_TYPE,
        "tie_word_embeddings": True,
        "hidden_act": options.activation_fn,
        "layer_norm_eps": _EPS,
        "type_vocab_size": 1,
        "max_position_embeddings": options.max_positions + PAD + 1,
        **{field: getattr(options, name) for name, (field, _) in _SIZES.items()},
    }


def options_of(config: Mapping[str, Any], pooling: str) -> dict[str, Any]:
    """A dual encoder's options from XLMRobertaConfig's fields."""
    faults = [] if config.get("hidden_act", "gelu") == "gelu" else [f"hidden_act is {config['hidden_act']}"]
    if abs(config.get("layer_norm_eps", 1e-12) - _EPS) > _EPS / 100:
        faults.append(f"layer_norm_eps is {config.get('layer_norm_eps', 1e-12)}, but fairseq's is {_EPS}")
    if not config.get("tie_word_embeddings", True):
        faults.append("tie_word_embeddings is false")
    if config.get("position_embedding_type", "absolute") != "absolute":
        faults.append(f"position_embedding_type is {config['position_embedding_type']}")
    if config.get("is_decoder"):
        faults.append("is_decoder is true")
    if faults:
        raise CheckpointError(f"fairseq's XLM-R cannot be such a model: {', '.join(faults)}.")
    sizes = {name: config.get(field, default) for name, (field, default) in _SIZES.items()}
    kind = {"_name": "dual_encoder", "arch": "dual_encoder", "dual_tower": "xlmr", "dual_pooling": pooling}
    positions = config.get("max_position_embeddings", 512) - PAD - 1
    return {**_SHAPE, **kind, **sizes, "max_positions": positions}


def tensors_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Hugging Face's names for a dual encoder's tower and masked-LM head; the tied output is written once."""
    found = dict[str, Tensor]()
    for name, value in state.items():
        place, _, kind = name.rpartition(".")
        if place in _OUTSIDE:
            found[f"{_OUTSIDE[place]}.{kind}"] = value
        elif name.startswith(f"{TOWER}layers.") and kind not in COPIES:
            number, _, part = place.removeprefix(f"{TOWER}layers.").partition(".")
            found[f"roberta.encoder.layer.{number}.{_IN_LAYER[part]}.{kind}"] = value
    words = state[f"{TOWER}embed_tokens.weight"]
    found["lm_head.bias"] = state[f"{LM_HEAD}bias"]
    # XLM-R has no token types; Hugging Face adds row 0 to every position.
    found[_TYPES] = torch.zeros(1, words.size(1), dtype=words.dtype)
    return found


def state_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """fairseq's names, from an XLM-R with or without its masked-LM head; its pooler is left out.

    Row 0 of the token types, which further training may have moved from zero, is added to the positions, as the model
    does with every token.
    """
    whole = any(name.startswith("roberta.") for name in tensors)
    named = tensors if whole else {f"roberta.{name}": value for name, value in tensors.items()}
    state = dict[str, Tensor]()
    for name, value in named.items():
        place, _, kind = name.rpartition(".")
        if place in _FROM_OUTSIDE:
            state[f"{_FROM_OUTSIDE[place]}.{kind}"] = value
        elif name.startswith("roberta.encoder.layer."):
            number, _, part = place.removeprefix("roberta.encoder.layer.").partition(".")
            if part not in _FROM_LAYER:
                raise CheckpointError(f"`{name}` is none of the weights that XLM-R's layers have.")
            state[f"{TOWER}layers.{number}.{_FROM_LAYER[part]}.{kind}"] = value
    if f"{TOWER}embed_tokens.weight" not in state or f"{TOWER}embed_positions.weight" not in state:
        raise CheckpointError("the weights have no `roberta.embeddings`, so they are no XLM-R's. Name another folder.")
    if _TYPES in named and named[_TYPES][0].any():
        positions = f"{TOWER}embed_positions.weight"
        state[positions] = (state[positions].float() + named[_TYPES][0].float()).to(state[positions].dtype)
    _put_head(state, tensors)
    return state


def _put_head(state: dict[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """The masked-LM head; where there is none, one that has not learnt anything: it compares with the embeddings."""
    words = state[f"{TOWER}embed_tokens.weight"]
    tied = {"lm_head.decoder.weight": words, "lm_head.decoder.bias": tensors.get("lm_head.bias")}
    for name, value in tied.items():
        if name in tensors and (value is None or not torch.equal(tensors[name], value)):
            raise CheckpointError(f"`{name}` is not tied, but in fairseq's XLM-R it is.")
    state[f"{LM_HEAD}weight"] = words
    if "lm_head.bias" in tensors:
        state[f"{LM_HEAD}bias"] = tensors["lm_head.bias"]
        return
    rows, dim = words.shape
    fresh = {"dense.weight": torch.eye(dim), "dense.bias": torch.zeros(dim), "bias": torch.zeros(rows)}
    fresh |= {"layer_norm.weight": torch.ones(dim), "layer_norm.bias": torch.zeros(dim)}
    state.update({f"{LM_HEAD}{name}": value.to(words.dtype) for name, value in fresh.items()})
