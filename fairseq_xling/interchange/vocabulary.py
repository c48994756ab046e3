"""The vocabulary of a Hugging Face folder as a fairseq dictionary with the same numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairseq.data import Dictionary

from fairseq_xling.data.language_tokens import MASK, complete_dictionary, complete_with_mask
from fairseq_xling.data.pairs import open_dictionary
from fairseq_xling.encoders.opening import DICTIONARY
from fairseq_xling.errors import CheckpointError
from fairseq_xling.files import read_bytes
from fairseq_xling.interchange.sentencepiece_model import read_sentencepiece
from fairseq_xling.languages import MBART_CC25, language_token

SPM_NAME, FAST, FAST_CONFIG = "sentencepiece.bpe.model", "tokenizer.json", "tokenizer_config.json"
_FIRST = ["<s>", "<pad>", "</s>", "<unk>"]


@dataclass(frozen=True)
class Vocabulary:
    """A complete dictionary, its languages, and the file that it was read from."""

    dictionary: Dictionary
    languages: tuple[str, ...]
    path: Path
    source_token: str
    """Of an mBART: what its tokenizer's class does."""


def read_vocabulary(folder: Path, is_mbart: bool, rows: int) -> Vocabulary:
    """From dict.txt, which our own folders have, else tokenizer.json, else the SentencePiece model; `rows` symbols."""
    source_token = _source_token(folder) if is_mbart else "none"
    if (folder / DICTIONARY).is_file():
        path = folder / DICTIONARY
        dictionary = open_dictionary(str(path))
    else:
        path, symbols, special = _listed(folder, is_mbart)
        dictionary = _dictionary(path, _bracketed(symbols, special))
    if len(dictionary) != rows:
        raise CheckpointError(
            f"{path} has {len(dictionary)} symbols, but the model has {rows} rows of embeddings. Name a folder whose "
            "files belong together."
        )
    where = str(path)
    languages = complete_dictionary(dictionary, None, where) if is_mbart else complete_with_mask(dictionary, where)
    return Vocabulary(dictionary, tuple(languages), path, source_token)


def _listed(folder: Path, is_mbart: bool) -> tuple[Path, list[str], set[str]]:
    """The file, all symbols by number, and those that are special."""
    if (folder / FAST).is_file():
        return folder / FAST, *_from_fast(folder / FAST)
    if not (folder / SPM_NAME).is_file():
        raise CheckpointError(
            f"{folder} has neither {FAST} nor {SPM_NAME}, so its vocabulary is unknown. Download the tokenizer, too."
        )
    # The ids of MBartTokenizer and XLMRobertaTokenizer: fairseq's four, then the pieces behind SentencePiece's three.
    pieces = [piece for piece, _, _ in read_sentencepiece(folder / SPM_NAME).pieces[3:]]
    languages = list(MBART_CC25) if is_mbart else []
    return folder / SPM_NAME, [*_FIRST, *pieces, *languages, MASK], {*_FIRST, *languages, MASK}


def _from_fast(path: Path) -> tuple[list[str], set[str]]:
    try:
        content: Mapping[str, Any] = json.loads(read_bytes(path))
        listed, added = content["model"]["vocab"], content.get("added_tokens", [])
        pieces = listed.items() if isinstance(listed, dict) else ((entry[0], i) for i, entry in enumerate(listed))
        numbered = {number: piece for piece, number in pieces} | {token["id"]: token["content"] for token in added}
    except (ValueError, KeyError, TypeError, IndexError) as fault:
        raise CheckpointError(f"{path} is not a tokenizer of Hugging Face's ({fault!r}). Download it again.") from fault
    missing = next((i for i in range(len(numbered)) if i not in numbered), None)
    if missing is not None:
        raise CheckpointError(f"{path} has no token number {missing}, but a dictionary has no gaps.")
    special = {token["content"] for token in added if token.get("special")}
    return [numbered[i] for i in range(len(numbered))], special


def _bracketed(symbols: Sequence[str], special: set[str]) -> list[str]:
    """The special tokens before `<mask>` are the languages, which fairseq writes in brackets."""
    found = list(symbols)
    place = len(found) - 2
    while place >= len(_FIRST) and found[place] in special:
        code = found[place].removeprefix("[").removesuffix("]")
        found[place] = language_token(code)
        place -= 1
    return found


def _dictionary(path: Path, symbols: Sequence[str]) -> Dictionary:
    if list(symbols[: len(_FIRST)]) != _FIRST:
        raise CheckpointError(
            f"{path} begins with {' '.join(symbols[:4])}, but fairseq's begins with {' '.join(_FIRST)}."
        )
    dictionary = Dictionary()
    for symbol in symbols[len(_FIRST) :]:
        dictionary.add_symbol(symbol)
    if len(dictionary) != len(symbols):
        raise CheckpointError(f"{path} has {len(symbols) - len(dictionary)} symbols twice.")
    return dictionary


def _source_token(folder: Path) -> str:
    """suffix, as mBART's own tokenizer; the other class reads the language first, which no model here does."""
    if not (folder / FAST_CONFIG).is_file():
        return "suffix"
    try:
        name = str(json.loads(read_bytes(folder / FAST_CONFIG)).get("tokenizer_class"))
    except (ValueError, AttributeError) as fault:
        raise CheckpointError(f"{folder / FAST_CONFIG} cannot be read ({fault}). Download it again.") from fault
    if name.startswith("MBart50"):
        raise CheckpointError(
            f"{folder} is an mBART-50, which reads `[src] x </s>`, but the models here read `x </s>` or `x </s> [src]`."
        )
    return "suffix"
