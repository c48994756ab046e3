"""The same mBART in fairseq's words and in Hugging Face's: options and config, names of weights.

The rows of the vocabulary keep their numbers: `<s> <pad> </s> <unk>`, pieces, language tokens, `<mask>`. So do those of
the position tables, whose first two belong to no position in either library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fairseq_xling.errors import CheckpointError
from fairseq_xling.models._checkpoints import add_versions
from fairseq_xling.models._transformer import COPIES

ARCHITECTURE = "MBartForConditionalGeneration"
MODEL_TYPE = "mbart"
_SHARED = "model.shared.weight"
_TIED = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "decoder.output_projection.weight")
_BIAS = "final_logits_bias"

# fairseq's option: (Hugging Face's field, its value where it is not written down).
_SIZES = {
    "encoder_layers": ("encoder_layers", 12),
    "decoder_layers": ("decoder_layers", 12),
    "encoder_attention_heads": ("encoder_attention_heads", 16),
    "decoder_attention_heads": ("decoder_attention_heads", 16),
    "encoder_ffn_embed_dim": ("encoder_ffn_dim", 4096),
    "decoder_ffn_embed_dim": ("decoder_ffn_dim", 4096),
    "encoder_embed_dim": ("d_model", 1024),
    "decoder_embed_dim": ("d_model", 1024),
    "max_source_positions": ("max_position_embeddings", 1024),
    "max_target_positions": ("max_position_embeddings", 1024),
    "dropout": ("dropout", 0.1),
    "attention_dropout": ("attention_dropout", 0.0),
    "activation_dropout": ("activation_dropout", 0.0),
    "encoder_layerdrop": ("encoder_layerdrop", 0.0),
    "decoder_layerdrop": ("decoder_layerdrop", 0.0),
}
# What an MBart is, in fairseq's options.
_SHAPE = {
    "encoder_normalize_before": True,
    "decoder_normalize_before": True,
    "encoder_learned_pos": True,
    "decoder_learned_pos": True,
    "layernorm_embedding": True,
    "share_all_embeddings": True,
    "share_decoder_input_output_embed": True,
    "no_token_positional_embeddings": False,
    "no_cross_attention": False,
    "cross_self_attention": False,
    "adaptive_softmax_cutoff": None,
    "no_decoder_final_norm": False,
}
ACTIVATIONS = ("gelu", "relu")


def config_of(options: Any) -> dict[str, Any]:
    """MBartConfig's fields from fairseq's options; raises CheckpointError for a model that no MBart can be."""
    found = {name: getattr(options, name) for name in (*_SHAPE, *_SIZES, "activation_fn", "no_scale_embedding")}
    faults = [f"{name} is {found[name]}" for name, value in _SHAPE.items() if (found[name] or None) != (value or None)]
    if found["activation_fn"] not in ACTIVATIONS:
        faults.append(f"activation_fn is {found['activation_fn']}")
    for one, two in (("encoder_embed_dim", "decoder_embed_dim"), ("max_source_positions", "max_target_positions")):
        if found[one] != found[two]:
            faults.append(f"{one} is {found[one]} and {two} {found[two]}")
    if faults:
        raise CheckpointError(f"Hugging Face's MBart cannot be such a model: {', '.join(faults)}.")
    fields = {field: found[name] for name, (field, _) in _SIZES.items()}
    return {
        "architectures": [ARCHITECTURE],
        "model_type": MODEL_TYPE,
        "is_encoder_decoder": True,
        "tie_word_embeddings": True,
        "activation_function": found["activation_fn"],
        "scale_embedding": not found["no_scale_embedding"],
        **fields,
    }


def options_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """fairseq's options from MBartConfig's fields."""
    activation = config.get("activation_function", "gelu")
    if activation not in ACTIVATIONS:
        raise CheckpointError(f"activation_function {activation} is none of {', '.join(ACTIVATIONS)}, which both have.")
    if not config.get("tie_word_embeddings", True):
        raise CheckpointError("tie_word_embeddings is false, but fairseq's mBART shares its embeddings.")
    sizes = {name: config.get(field, default) for name, (field, default) in _SIZES.items()}
    scale = {"no_scale_embedding": not config.get("scale_embedding", False), "activation_fn": activation}
    return {"_name": "criss_large", "arch": "criss_large", **_SHAPE, **sizes, **scale}


def tensors_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Hugging Face's names for the weights of a CrissModel; what is tied is written once, as it is there."""
    skipped = (*_TIED, "encoder.version", "decoder.version")
    found = {
        f"model.{name}": value
        for name, value in state.items()
        if name not in skipped and name.rpartition(".")[2] not in COPIES
    }
    words = state[_TIED[0]]
    return {**found, _SHARED: words, _BIAS: torch.zeros(1, len(words), dtype=words.dtype)}


def state_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """fairseq's names, from the whole model or from one that was saved without its output (`MBartModel`)."""
    if tensors.get(_BIAS) is not None and tensors[_BIAS].any():
        raise CheckpointError(f"`{_BIAS}` is not zero, but fairseq's mBART has no bias on its output.")
    named = {name: value for name, value in tensors.items() if name not in (_BIAS, "lm_head.weight")}
    state = {name.removeprefix("model."): value for name, value in named.items()}
    words = _words(tensors, state)
    state.pop("shared.weight", None)
    state.update({name: words for name in _TIED})
    add_versions(state)
    return state


def _words(tensors: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Tensor:
    """The shared embeddings, under whichever of their names they were saved."""
    names: Sequence[str] = ("shared.weight", *_TIED[:2])
    found = [state[name] for name in names if name in state]
    found += [tensors["lm_head.weight"]] if "lm_head.weight" in tensors else []
    if not found:
        raise CheckpointError(f"the weights have no `{_SHARED}`, so they are no MBart's. Name another folder.")
    if any(not torch.equal(found[0], other) for other in found[1:]):
        raise CheckpointError("the embeddings of encoder, decoder and output differ, but fairseq's mBART shares them.")
    return found[0]
