"""A checkpoint with its dictionary and SentencePiece model: found, checked against each other, opened once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from fairseq_xling import register
from fairseq_xling.data.bucketing import shortened
from fairseq_xling.data.language_tokens import MASK, DualTokens, LanguageTokens, complete_dictionary, complete_with_mask
from fairseq_xling.data.pairs import load_dictionary, open_dictionary
from fairseq_xling.data.sentences import encode_line
from fairseq_xling.errors import CheckpointError, ConfigError
from fairseq_xling.files import sha256_file
from fairseq_xling.models._dual_loading import dual_style, load_dual
from fairseq_xling.models._loading import Training, load_criss, readable, training_at, training_of
from fairseq_xling.text.pieces import Pieces
from fairseq_xling_host.checkpoints import load_checkpoint_file

DICTIONARY = "dict.txt"
# prepare's own, and those of the CRISS and mBART releases.
SPM_NAMES = ("spm.model", "sentencepiece.bpe.model", "sentence.bpe.model")
NO_SPM = "none"


@dataclass(frozen=True)
class ModelFiles:
    """What belongs together; `spm` None where lines consist of pieces already."""

    checkpoint: Path
    dictionary: Path
    spm: Path | None


@dataclass(frozen=True)
class ModelChoice:
    """What a person names; None is looked for."""

    checkpoint: str
    dictionary: str | None = None
    spm: str | None = None
    languages: Sequence[str] | None = None


class OpenModel:
    """A CrissModel or a dual encoder in eval mode with all that turns lines into its input and back."""

    def __init__(self, files: ModelFiles, model: torch.nn.Module, tokens: LanguageTokens) -> None:
        self.files = files
        self.model = model
        self.tokens = tokens
        """With the source style of the checkpoint's training."""
        self.pieces = Pieces(files.spm) if files.spm else None
        self.device = torch.device("cpu")

    @cached_property
    def inputs(self) -> Mapping[str, str]:
        """Path to sha256 of the checkpoint and what goes with it."""
        named = (self.files.checkpoint, self.files.dictionary, self.files.spm)
        return {str(path): sha256_file(path) for path in named if path}

    @property
    def short_hash(self) -> str:
        """The checkpoint's sha256, as signatures have it."""
        return self.inputs[str(self.files.checkpoint)][:8]

    @property
    def dim(self) -> int:
        """Length of a sentence vector."""
        tower = getattr(self.model.encoder, "sentence_encoder", self.model.encoder)
        return int(tower.embed_tokens.embedding_dim)

    @property
    def longest(self) -> int:
        """Tokens that fit the encoder."""
        return int(self.model.encoder.max_positions())

    def move(self, device: str, precision: str) -> None:
        """To `auto`, `cpu` or `cuda`, with weights in fp32 or bf16."""
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("--device cuda is asked for, but torch sees no GPU. Use --device cpu")
        on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
        self.device = torch.device("cuda" if on_gpu else "cpu")
        self.model.to(self.device, torch.bfloat16 if precision == "bf16" else torch.float32)

    def split(self, line: str) -> list[str]:
        """A raw line to its pieces."""
        return list(self.pieces.encode(line)) if self.pieces else line.split()

    def sentence(self, line: str) -> Tensor:
        """A raw line to `x </s>`, of any length."""
        return encode_line(line, self.tokens.dictionary, self.pieces.encode if self.pieces else None)

    def sentences(self, lines: Sequence[str]) -> list[Tensor]:
        """The same of many lines, by all processors."""
        if self.pieces is None:
            return [self.sentence(line) for line in lines]
        numbered = self.pieces.numbers(lines, torch.get_num_threads())
        joined = torch.tensor([number for line in numbered for number in (*line, -1)], dtype=torch.long)
        ids: list[Tensor] = list(self._ids[joined].split([len(line) + 1 for line in numbered]))
        return ids

    @cached_property
    def _ids(self) -> Tensor:
        """The dictionary's number of each piece by the piece's own, and of `</s>` at the end."""
        assert self.pieces is not None
        dictionary = self.tokens.dictionary
        symbols = [self.pieces.symbol(number) for number in range(len(self.pieces))]
        return torch.tensor([*map(dictionary.index, symbols), dictionary.eos()], dtype=torch.long)

    def source(self, sentence: Tensor, tokens: LanguageTokens, language: str | None, longest: int) -> Tensor:
        """`x </s>` to what the encoder reads in the style of `tokens`, cut to `longest` tokens in all."""
        if tokens.needs_language and language is None:
            raise ConfigError("the language token needs a language. Name it with --lang")
        return tokens.source(shortened(sentence, longest - tokens.added), language or "")


def open_model(choice: ModelChoice) -> OpenModel:
    """Find, check and load; every mismatch is a CheckpointError or ConfigError that says the way out."""
    register()
    training = _training(choice.checkpoint)
    files = find_files(choice, training.data)
    named = list(choice.languages or training.languages or [])
    if files.dictionary.is_dir():
        dictionary, where = load_dictionary(str(files.dictionary), named or None)
        files = ModelFiles(files.checkpoint, Path(where), files.spm)
    else:
        dictionary, where = open_dictionary(str(files.dictionary)), str(files.dictionary)
    if MASK not in dictionary and not named:
        raise ConfigError(
            f"{where} has no language tokens and {choice.checkpoint} does not say which it was trained with. Name its "
            "languages in its order with --langs ar_AR,cs_CZ,…"
        )
    languages = complete_dictionary(dictionary, named or None, where)
    if training.languages and list(training.languages) != languages:
        raise CheckpointError(
            f"the language tokens of {choice.checkpoint} are {','.join(training.languages)}, but those of {where} are "
            f"{','.join(languages)}. Name the dictionary it was trained with (--dict)."
        )
    if files.spm:
        Pieces(files.spm).check_dictionary(where)
    model = load_criss(choice.checkpoint, dictionary).model
    return OpenModel(files, model, LanguageTokens(dictionary, languages, training.source_token or "none"))


def open_encoder(choice: ModelChoice) -> OpenModel:
    """The same for a dual encoder or an XLM-R, which have no languages of their own; else `open_model`."""
    register()
    style = dual_style(choice.checkpoint)
    if style is None:
        return open_model(choice)
    files = find_files(choice, training_at(choice.checkpoint).data)
    if files.dictionary.is_dir():
        dictionary, where = load_dictionary(str(files.dictionary), None)
        files = ModelFiles(files.checkpoint, Path(where), files.spm)
    else:
        dictionary, where = open_dictionary(str(files.dictionary)), str(files.dictionary)
    coded = complete_with_mask(dictionary, where)
    if files.spm:
        Pieces(files.spm).check_dictionary(where)
    return OpenModel(files, load_dual(choice.checkpoint, dictionary), DualTokens(dictionary, coded, style))


def _training(checkpoint: str) -> Training:
    """What the checkpoint says of its training; one in the format of the 2020 releases is read whole for it."""
    found = training_at(checkpoint)
    if found != Training():
        return found
    with readable(checkpoint):
        state = load_checkpoint_file(checkpoint)
    return training_of(state) if isinstance(state, dict) else found


def find_files(choice: ModelChoice, data: str | None) -> ModelFiles:
    """Named files as they are; the others beside the checkpoint, beside a named one, or in `data`, its training's."""
    spm = None if choice.spm == NO_SPM else choice.spm
    named = [Path(path) for path in (choice.dictionary, spm) if path]
    missing = [path for path in named if not path.exists()]
    if missing:
        raise ConfigError(f"{missing[0]} does not exist. Check the path")
    checkpoint = Path(choice.checkpoint)
    folders = [path if path.is_dir() else path.parent for path in named]
    folders += [checkpoint.parent, *([Path(data.split(":")[0])] if data else [])]
    dictionary = Path(choice.dictionary) if choice.dictionary else _dictionary_in(folders)
    if dictionary is None:
        raise ConfigError(
            f"no {DICTIONARY} was found for {checkpoint} (looked in {_listed(folders)}). Name the dictionary it was "
            "trained with: --dict D.txt"
        )
    if choice.spm:
        return ModelFiles(checkpoint, dictionary, Path(spm) if spm else None)
    found = next((path for folder in folders for name in SPM_NAMES if (path := folder / name).is_file()), None)
    if found is None:
        raise ConfigError(
            f"no SentencePiece model was found for {checkpoint} ({' or '.join(SPM_NAMES)} in {_listed(folders)}). Name "
            f"it with --spm, or say --spm {NO_SPM} when the lines consist of pieces already"
        )
    return ModelFiles(checkpoint, dictionary, found)


def _dictionary_in(folders: Sequence[Path]) -> Path | None:
    """dict.txt, or the folder that holds fairseq-preprocess's dict.LANGUAGE.txt."""
    for folder in folders:
        if (folder / DICTIONARY).is_file():
            return folder / DICTIONARY
        if folder.is_dir() and any(folder.glob("dict.*.txt")):
            return folder
    return None


def _listed(folders: Sequence[Path]) -> str:
    return ", ".join(dict.fromkeys(str(folder) for folder in folders))
