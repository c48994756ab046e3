"""SentencePiece: train a model, cut sentences into pieces and join them, check the model against a dictionary."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fairseq_xling.configs import at_least, checked, option
from fairseq_xling.errors import CheckpointError, ConfigError, CorpusError
from fairseq_xling.files import atomic_write, iterate_lines, read_bytes, sha256_file
from fairseq_xling.signatures import signature

AnyPath = str | os.PathLike[str]

# What a fairseq dictionary may hold beside pieces: language tokens, <mask>, fairseq's padding to a multiple of 8.
_SPECIAL = re.compile(r"\[[^\[\]\s]+\]|<mask>|madeupword\d{4,}")


@dataclass(frozen=True)
class PiecesConfig:
    """How a SentencePiece model is trained; the same text and config give the same bytes."""

    vocabulary: int = option(8000, "number of pieces, <unk>, <s> and </s> included", flag="--vocabulary-size")
    kind: Literal["unigram", "bpe"] = option("unigram", "SentencePiece's algorithm", flag="--pieces-kind")
    coverage: float = option(0.99995, "share of the characters that get a piece", flag="--character-coverage")
    byte_fallback: bool = option(False, "cut unknown characters into bytes instead of losing them as <unk>")

    def faults(self) -> Iterator[str]:
        yield from at_least("vocabulary", self.vocabulary, 4, "--vocabulary-size")
        if not 0 < self.coverage <= 1:
            yield f"`coverage` must be above 0 and at most 1, but is {self.coverage:g}. Set --character-coverage"


def train_pieces(files: Sequence[AnyPath], output: AnyPath, config: PiecesConfig = PiecesConfig()) -> Pieces:  # noqa: B008
    """Train on every line of these files (`.gz` by name), in order, and write the model to `output`."""
    import sentencepiece

    checked(config, "SentencePiece")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(line for file in files for line in iterate_lines(file)),
            model_writer=model,
            vocab_size=config.vocabulary,
            model_type=config.kind,
            character_coverage=config.coverage,
            byte_fallback=config.byte_fallback,
            num_threads=1,  # more threads add the expected counts in another order
            input_sentence_size=0,
            shuffle_input_sentence=False,
            minloglevel=2,
        )
    except RuntimeError as fault:
        raise _explained(fault, files, config) from fault
    with atomic_write(output, "wb") as stream:
        stream.write(model.getvalue())
    return Pieces(output)


def _explained(fault: RuntimeError, files: Sequence[AnyPath], config: PiecesConfig) -> ConfigError | CorpusError:
    names = ", ".join(map(str, files))
    if most := re.search(r"Vocabulary size too high.*value <= (\d+)", str(fault)):
        return ConfigError(
            f"{names} give at most {most[1]} pieces, but {config.vocabulary} are asked for. Lower --vocabulary-size",
            "SentencePiece",
        )
    if least := re.search(r"smaller than required_chars\. \d+ vs (\d+)", str(fault)):
        return ConfigError(
            f"{names} have {least[1]} characters and symbols that need a piece, but {config.vocabulary} are asked for. "
            "Raise --vocabulary-size or lower --character-coverage",
            "SentencePiece",
        )
    if "sentences_.empty()" in str(fault):
        return CorpusError(
            f"{names or 'no file'}: there is no text to train a SentencePiece model on. Name files with text."
        )
    return CorpusError(f"SentencePiece cannot be trained on {names}: {fault}")


class Pieces:
    """A SentencePiece model read from a file."""

    def __init__(self, path: AnyPath) -> None:
        import sentencepiece

        self.path = Path(path)
        content = read_bytes(path)
        try:
            self._model: Any = sentencepiece.SentencePieceProcessor(model_proto=content)
        except RuntimeError as fault:
            raise CheckpointError(f"{path} is not a SentencePiece model ({fault}). Name a .model file.") from fault

    @property
    def signature(self) -> str:
        return signature(pieces=sha256_file(self.path)[:8], vocabulary=len(self))

    def __len__(self) -> int:
        return int(self._model.get_piece_size())

    def symbols(self) -> list[str]:
        """The pieces by their number, without the control symbols that every fairseq dictionary has of its own."""
        model = self._model
        hidden = (model.is_control, model.is_unknown, model.is_unused)
        return [model.id_to_piece(i) for i in range(len(self)) if not any(of_kind(i) for of_kind in hidden)]

    def encode(self, line: str) -> list[str]:
        """The line as pieces; joined by spaces they are what fairseq reads."""
        pieces: list[str] = self._model.encode(line, out_type=str)
        return pieces

    def numbers(self, lines: Sequence[str], threads: int = 1) -> list[list[int]]:
        """The pieces of each line by their number; an unknown one is the model's `<unk>`."""
        numbers: list[list[int]] = self._model.encode(list(lines), out_type=int, num_threads=threads)
        return numbers

    def symbol(self, number: int) -> str:
        """The piece of a number, control symbols included."""
        return str(self._model.id_to_piece(number))

    def encode_lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Lines of pieces separated by spaces."""
        return (" ".join(self.encode(line)) for line in lines)

    def decode(self, pieces: Sequence[str]) -> str:
        """Pieces joined to text again."""
        line: str = self._model.decode(list(pieces))
        return line

    def check_dictionary(self, path: AnyPath) -> list[str]:
        """The model's pieces that a fairseq dictionary lacks (they become <unk>); a foreign dictionary is refused."""
        known = set(self.symbols())
        symbols = read_dictionary(path)
        foreign = [symbol for symbol in symbols if symbol not in known and not _SPECIAL.fullmatch(symbol)]
        if foreign:
            raise CheckpointError(
                f"{path} has {len(foreign)} symbols that are no pieces of {self.path}, the first is `{foreign[0]}`. "
                "Name the SentencePiece model that the dictionary was made with."
            )
        listed = set(symbols)
        return [piece for piece in self.symbols() if piece not in listed]


def read_dictionary(path: AnyPath) -> list[str]:
    """The symbols of a fairseq dictionary file, `symbol count` a line, in order."""
    symbols = []
    for number, line in enumerate(iterate_lines(path), start=1):
        symbol, _, count = line.removesuffix(" #fairseq:overwrite").rpartition(" ")
        if not symbol or not count.isdigit():
            raise CheckpointError(f"{path}:{number}: not `symbol count`. Name a fairseq dictionary (dict.txt).")
        symbols.append(symbol)
    return symbols
