"""Raw lines to fairseq's memory-mapped data sets, with the bytes that fairseq-preprocess would have written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest
from typing import IO, Any

from fairseq.data import Dictionary, indexed_dataset

from fairseq_xling.data.pairs import open_dictionary
from fairseq_xling.data.sentences import encode_line
from fairseq_xling.errors import CorpusError
from fairseq_xling.files import iterate_lines
from fairseq_xling.mining.assemble import AssemblyConfig, validation_sample
from fairseq_xling.text.pieces import Pieces

_OFTEN = 1000


@dataclass(frozen=True)
class Text:
    """One text, or two whose lines belong together, and the data sets that become of it."""

    name: str
    files: tuple[str, ...]
    prefixes: dict[str, tuple[str, ...]]
    """Of train and valid, or of one split: a path without ending for each file."""
    sample: AssemblyConfig | None = None
    """How validation lines are drawn, where there are two splits."""
    keep_empty: bool = False
    write_pieces: bool = False


@dataclass
class Counts:
    """What became of a text."""

    sentences: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    unknown: int = 0
    empty: int = 0


@dataclass(frozen=True)
class Cutter:
    """Lines to pieces to ids."""

    pieces: Pieces
    dictionary: Dictionary

    @classmethod
    def open(cls, spm: str, dictionary: str) -> Cutter:
        return cls(Pieces(spm), open_dictionary(dictionary))


def binarise(text: Text, cutter: Cutter, progress: Callable[[int], object] | None = None) -> Counts:
    """Write the data sets of a text; a line without pieces, or whose other side has none, is left out and counted."""
    counts = Counts(dict.fromkeys(text.prefixes, 0))
    drawn = _drawn(text)
    with ExitStack() as stack:
        sets = {
            split: [stack.enter_context(_DataSet(prefix, cutter.dictionary, text.write_pieces)) for prefix in prefixes]
            for split, prefixes in text.prefixes.items()
        }
        for number, lines in enumerate(_in_step(text.files)):
            if progress and number % _OFTEN == _OFTEN - 1:
                progress(_OFTEN)
            pieces = [cutter.pieces.encode(line) for line in lines]
            if not text.keep_empty and not all(pieces):
                counts.empty += 1
                continue
            split = next(iter(sets)) if drawn is None else ("valid" if drawn[number] else "train")
            counts.sentences[split] += 1
            for one, data_set in zip(pieces, sets[split], strict=True):
                counts.tokens += len(one) + 1
                counts.unknown += data_set.add(one)
    lacking = [split for split, sentences in counts.sentences.items() if not sentences]
    if lacking:
        raise CorpusError(
            f"{' and '.join(text.files)}: no sentence is left for {lacking[0]} ({counts.empty} lines are empty). Name "
            "a text with more sentences, or leave it out."
        )
    return counts


def _drawn(text: Text) -> Any:
    """True for the lines of the validation set; None where there is no choice."""
    if text.sample is None:
        return None
    return validation_sample(sum(1 for _ in iterate_lines(text.files[0])), text.sample)


def _in_step(files: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Line i of every file at once; files of unequal length are refused at the end of the shortest."""
    for number, lines in enumerate(zip_longest(*(iterate_lines(file) for file in files))):
        if None in lines:
            short, long = files[lines.index(None)], files[1 - lines.index(None)]
            raise CorpusError(
                f"{short} ends after {number} lines, but {long} goes on: line i must translate line i. Assemble again."
            )
        yield lines


class _DataSet:
    """PREFIX.bin and PREFIX.idx, and PREFIX itself with pieces where that is wanted."""

    def __init__(self, prefix: str, dictionary: Dictionary, write_pieces: bool) -> None:
        self._prefix, self._dictionary = prefix, dictionary
        self._text: IO[str] | None = None
        if write_pieces:
            self._text = open(prefix, "w", encoding="utf-8", newline="\n")  # noqa: SIM115 - closed by __exit__
        self._builder = indexed_dataset.make_builder(prefix + ".bin", "mmap", vocab_size=len(dictionary))

    def __enter__(self) -> _DataSet:
        return self

    def __exit__(self, *raised: object) -> None:
        self._builder.finalize(self._prefix + ".idx")
        if self._text:
            self._text.close()

    def add(self, pieces: list[str]) -> int:
        """Append a sentence; returns how many of its pieces the dictionary does not know."""
        line = " ".join(pieces)
        ids = encode_line(line, self._dictionary, lambda _: pieces)
        self._builder.add_item(ids)
        if self._text:
            self._text.write(line + "\n")
        return int((ids == self._dictionary.unk()).sum())


@cache
def _cutter(spm: str, dictionary: str) -> Cutter:
    """One a process."""
    return Cutter.open(spm, dictionary)


def binarise_in_worker(text: Text, spm: str, dictionary: str) -> tuple[str, Counts]:
    """`binarise` for a pool of processes."""
    return text.name, binarise(text, _cutter(spm, dictionary))


def lines_of(text: Text) -> int:
    """How long a text is, for a progress bar."""
    return sum(1 for _ in iterate_lines(text.files[0]))
