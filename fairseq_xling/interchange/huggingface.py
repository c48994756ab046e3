"""A fairseq checkpoint to a folder that Hugging Face's Auto classes load, and back."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from fairseq_xling import register
from fairseq_xling.data.language_tokens import MASK
from fairseq_xling.encoders.opening import DICTIONARY, NO_SPM, ModelChoice, OpenModel, open_encoder
from fairseq_xling.encoders.options import TranslationConfig
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import Manifest, atomic_write, finished_directory, sha256_file
from fairseq_xling.interchange import mbart, xlmr
from fairseq_xling.interchange.card import huggingface_card
from fairseq_xling.interchange.folder import CONFIG, IDS, WEIGHTS, read_config, read_tensors, write_json, write_tensors
from fairseq_xling.interchange.sentencepiece_model import read_sentencepiece
from fairseq_xling.interchange.slim import MODEL, Contents, finish, open_contents, write_contents
from fairseq_xling.interchange.tokenizer import fast_tokenizer
from fairseq_xling.interchange.vocabulary import SPM_NAME, read_vocabulary
from fairseq_xling.languages import language_token
from fairseq_xling.models._checkpoints import weights_hash

OWN = "fairseq_xling"
"""Where config.json holds what Hugging Face has no field for."""
_KINDS: dict[str, ModuleType] = {module.MODEL_TYPE: module for module in (mbart, xlmr)}


# ---- fairseq to Hugging Face


def to_huggingface(choice: ModelChoice, output: str, language: str | None = None) -> Manifest:
    """Write OUTPUT/{config.json, model.safetensors, tokenizer.json, …}; `language` is the source's of a model that
    reads `x </s> [src]`, because a tokenizer.json puts one and the same token behind every line."""
    opened, contents = open_contents(choice)
    kind = mbart if "source_token" in contents.reading else xlmr
    config = _config(kind, opened, contents)
    template = source_template(opened, language)
    counts: dict[str, Any] = {"weights": weights_hash(opened.model)}
    with finished_directory(output) as folder:
        write_json(folder / CONFIG, config)
        write_tensors(folder / WEIGHTS, kind.tensors_of(contents.weights))
        contents.dictionary.save(str(folder / DICTIONARY))
        if kind is mbart:
            write_json(folder / "generation_config.json", _generation(config["max_position_embeddings"]))
        if contents.spm:
            counts["pieces_left_out"] = len(opened.pieces.check_dictionary(opened.files.dictionary))
            _write_tokenizer(folder, contents, template, opened.longest)
        card = huggingface_card(kind is mbart, opened.tokens, bool(contents.spm), counts.get("pieces_left_out", 0))
        with atomic_write(folder / "README.md") as stream:
            stream.write(card)
        return finish(folder, "huggingface", opened.inputs, counts)


def source_template(opened: OpenModel, language: str | None) -> list[str]:
    """How a source is read, with "$A" for the line; ConfigError where a language is missing or has no place."""
    tokens = opened.tokens
    if tokens.source_style == "suffix":
        if language is None:
            raise ConfigError(
                "this model reads `x </s> [src]`, with the source's language, and the folder is to have one that it "
                f"puts behind every line. Name it with --lang (one of {', '.join(tokens.languages)})"
            )
        tokens.index(language)
        return ["$A", "</s>", language_token(language)]
    if language is not None:
        raise ConfigError("this model's sources have no language token. Leave --lang out")
    return ["<s>", "$A", "</s>"] if tokens.source_style == "first" else ["$A", "</s>"]


def _config(kind: ModuleType, opened: OpenModel, contents: Contents) -> dict[str, Any]:
    own = {**contents.reading, "pooling": opened.model.pooling} if kind is xlmr else dict(contents.reading)
    precision = next(iter(contents.weights.values())).dtype
    start = {"decoder_start_token_id": IDS["eos_token_id"]} if kind is mbart else {}
    return {
        **kind.config_of(opened.model.args),
        **IDS,
        **start,
        "vocab_size": len(contents.dictionary),
        "dtype": str(precision).removeprefix("torch."),
        OWN: own,
    }


def _generation(positions: int) -> dict[str, Any]:
    """Our `translate`'s search: begins with `</s>`, then the language's token, never writes a pad."""
    defaults = TranslationConfig()
    # fairseq counts the tokens behind the first `</s>`, without the last.
    longest = min(defaults.max_len_b, positions - 1) + 2
    ids = {**IDS, "decoder_start_token_id": IDS["eos_token_id"], "forced_eos_token_id": IDS["eos_token_id"]}
    search = {"num_beams": defaults.beam, "length_penalty": defaults.lenpen, "early_stopping": True}
    return {**ids, **search, "max_length": longest, "suppress_tokens": [IDS["pad_token_id"]]}


def _write_tokenizer(folder: Path, contents: Contents, template: Sequence[str], longest: int) -> None:
    symbols = list(contents.dictionary.symbols)
    special = [*symbols[:4], *map(language_token, contents.reading["languages"]), MASK]
    special = [token for token in special if token in contents.dictionary]
    tokenizer = fast_tokenizer(read_sentencepiece(contents.spm), symbols, special, template)
    with atomic_write(folder / "tokenizer.json") as stream:
        stream.write(tokenizer.to_str(pretty=True) + "\n")
    named = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "mask_token": MASK}
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **named,
        "model_max_length": longest,
        "model_input_names": ["input_ids", "attention_mask"],
        "padding_side": "right",
        # Text that spells out a special token is text, as it is for SentencePiece.
        "split_special_tokens": True,
        "clean_up_tokenization_spaces": False,
    }
    write_json(folder / "tokenizer_config.json", config)
    shutil.copyfile(contents.spm, folder / SPM_NAME)


# ---- Hugging Face to fairseq


def from_huggingface(source: str, output: str, spm: str | None = None) -> Manifest:
    """Write OUTPUT/{model.pt, dict.txt, spm.model} from a folder with an MBart or XLMRoberta; nothing is fetched."""
    register()
    folder = Path(source)
    config = read_config(folder, list(_KINDS))
    kind = _KINDS[config["model_type"]]
    tensors, inputs = read_tensors(folder)
    vocabulary = read_vocabulary(folder, kind is mbart, config["vocab_size"])
    pieces = _pieces(folder, spm)
    own = config.get(OWN, {})
    weights = kind.state_of(tensors)
    languages = list(vocabulary.languages)
    if kind is mbart:
        options = mbart.options_of(config)
        reading = {"languages": languages, "source_token": own.get("source_token", vocabulary.source_token)}
    else:
        options = xlmr.options_of(config, own.get("pooling", "mean"))
        reading = {"languages": languages, "style": own.get("style", "first")}
    inputs |= {str(path): sha256_file(path) for path in (folder / CONFIG, vocabulary.path, pieces) if path}
    with finished_directory(output) as building:
        write_contents(building, Contents(options, reading, weights, vocabulary.dictionary, pieces))
        written = ModelChoice(str(building / MODEL), spm=None if pieces else NO_SPM)
        return finish(building, "fairseq", inputs, {"weights": weights_hash(open_encoder(written).model)})


def _pieces(folder: Path, spm: str | None) -> Path | None:
    """The named SentencePiece model, or the folder's."""
    if spm == NO_SPM:
        return None
    path = Path(spm) if spm else folder / SPM_NAME
    if path.is_file():
        return path
    if spm:
        raise ConfigError(f"{path} does not exist. Check the path")
    raise ConfigError(
        f"{folder} has no {SPM_NAME}, which cuts raw lines into pieces. Name one with --spm, or say --spm {NO_SPM}"
    )
