"""Sentence pairs of many pairs of languages, from binarised shards or from text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from fairseq.data import (
    ConcatDataset,
    Dictionary,
    FairseqDataset,
    LanguagePairDataset,
    ListDataset,
    data_utils,
    indexed_dataset,
)

from fairseq_xling.data.language_tokens import LanguageTokens
from fairseq_xling.data.sentences import Pieces, encode_line
from fairseq_xling.errors import CorpusError
from fairseq_xling.files import read_lines
from fairseq_xling.languages import Pair


@dataclass
class Shard:
    """One of the folders of DATA; both directions of a pair share what is read."""

    folder: str
    tokens: LanguageTokens
    impl: str | None = None
    """fairseq's --dataset-impl; "raw" reads text."""
    pieces: Pieces | None = None
    pad_to_multiple: int = 1
    owner: str = "criss"
    """Whose options, --OWNER-pairs and --OWNER-eval-pairs, name the pairs."""
    _sides: dict[str, FairseqDataset] = field(default_factory=dict)

    def directions(self, split: str, wanted: Sequence[Pair], combine: bool = False) -> dict[Pair, LanguagePairDataset]:
        """The sentence pairs of each direction; all that is missing is said at once."""
        prefixes = {direction: self._prefixes(split, direction, combine) for direction in wanted}
        missing = [direction for direction, found in prefixes.items() if not found]
        if missing:
            raise CorpusError(self._missing(split, missing))
        return {direction: self._direction(direction, found) for direction, found in prefixes.items()}

    def sides(self, split: str, direction: Pair) -> tuple[FairseqDataset, FairseqDataset]:
        """The sentences `x </s>` of both languages as they are, not necessarily as many: what is to be mined."""
        prefixes = self._prefixes(split, direction, combine=False)
        if not prefixes:
            raise CorpusError(self._missing(split, [direction]))
        return self._side(prefixes, direction.source), self._side(prefixes, direction.target)

    def has(self, split: str, direction: Pair) -> bool:
        """Whether there is a file of the pair for each of its languages."""
        return bool(self._prefixes(split, direction, combine=False))

    def monolingual(self, split: str, language: str) -> FairseqDataset | None:
        """DATA/LANGUAGE/SPLIT, as fairseq's multilingual_denoising reads it, where it is there."""
        prefix = os.path.join(self.folder, language, split)
        return self._side([prefix], "") if self._exists(prefix) else None

    def _direction(self, direction: Pair, prefixes: list[str]) -> LanguagePairDataset:
        dictionary = self.tokens.dictionary
        plain = [self._side(prefixes, language) for language in direction]
        if len(plain[0]) != len(plain[1]):
            raise CorpusError(
                f"{prefixes[0]}{direction.source} has {len(plain[0])} sentences, but its other side "
                f"{direction.target} has {len(plain[1])}: line i must translate line i. Make the pair again."
            )
        source = self.tokens.source_dataset(plain[0], direction.source)
        target = self.tokens.target_dataset(plain[1], direction.target)
        return LanguagePairDataset(
            source,
            source.sizes,
            dictionary,
            target,
            target.sizes,
            dictionary,
            shuffle=False,
            pad_to_multiple=self.pad_to_multiple,
        )

    def _side(self, prefixes: list[str], language: str) -> FairseqDataset:
        """One language's side of a pair, `x </s>`."""
        paths = [prefix + language for prefix in prefixes]
        for path in paths:
            if path not in self._sides:
                self._sides[path] = self._read(path)
        found = [self._sides[path] for path in paths]
        return found[0] if len(found) == 1 else ConcatDataset(found)

    def _read(self, path: str) -> FairseqDataset:
        empty = CorpusError(f"{path} has no sentences. Make it again, or leave the pair out of --{self.owner}-pairs.")
        if self.impl == "raw":
            sentences = [encode_line(line, self.tokens.dictionary, self.pieces) for line in read_lines(path)]
            if not sentences:
                raise empty
            return ListDataset(sentences, np.array([len(sentence) for sentence in sentences]))
        # A memory map of an empty file is an error of its own.
        if os.path.getsize(path + ".bin") == 0:
            raise empty
        dataset = data_utils.load_indexed_dataset(path, self.tokens.dictionary, self.impl)
        if dataset is None or len(dataset) == 0:
            raise empty
        return dataset

    def _prefixes(self, split: str, direction: Pair, combine: bool) -> list[str]:
        """Paths up to the language, `DATA/train.xx-yy.`; with `combine` those of train1, train2, … too."""
        found = list[str]()
        while True:
            name = f"{split}{len(found) or ''}"
            folder_name = os.path.join(self.folder, name)
            prefixes = [f"{folder_name}.{pair}." for pair in (direction, direction.reversed)]
            prefix = next((p for p in prefixes if all(self._exists(p + language) for language in direction)), None)
            if prefix is None:
                return found
            found.append(prefix)
            if not combine:
                return found

    def _exists(self, path: str) -> bool:
        if self.impl == "raw":
            return os.path.isfile(path)
        return bool(indexed_dataset.dataset_exists(path, impl=self.impl))

    def _missing(self, split: str, directions: Sequence[Pair]) -> str:
        pairs = sorted({str(min(direction, direction.reversed)) for direction in directions})
        first = min(directions[0], directions[0].reversed)
        ending = "" if self.impl == "raw" else ".bin"
        names = [f"{split}.{pair}.{first.source}{ending}" for pair in (first, first.reversed)]
        where = f"{self.folder} has no {split} data for {', '.join(pairs)}: neither {names[0]} nor {names[1]} is there"
        if self.impl != "raw" and any(os.path.isfile(os.path.join(self.folder, n.removesuffix(".bin"))) for n in names):
            return f"{where}, but text of that name is. Binarise it, or say --dataset-impl raw."
        option = f"--{self.owner}-pairs" if split == "train" else f"--{self.owner}-eval-pairs"
        return f"{where}. Binarise it (fairseq-preprocess, fairseq-xling prepare), or leave it out of {option}."


def load_dictionary(folder: str, languages: Sequence[str] | None) -> tuple[Dictionary, str]:
    """DATA/dict.txt, or the dict.LANGUAGE.txt of fairseq-preprocess, which must be equal; and its path."""
    joined = os.path.join(folder, "dict.txt")
    if not os.path.isdir(folder):
        raise CorpusError(f"DATA folder {folder} does not exist. Check the path.")
    if os.path.isfile(joined):
        return open_dictionary(joined), joined
    names = sorted(n for n in os.listdir(folder) if n.startswith("dict.") and n.endswith(".txt"))
    if languages:
        names = [name for name in names if name[len("dict.") : -len(".txt")] in languages]
    if not names:
        raise CorpusError(f"{folder} has neither dict.txt nor dict.LANGUAGE.txt. Copy the model's dictionary there.")
    first = open_dictionary(os.path.join(folder, names[0]))
    for name in names[1:]:
        if open_dictionary(os.path.join(folder, name)).symbols != first.symbols:
            raise CorpusError(
                f"{folder}: {names[0]} and {name} differ, but all languages share one dictionary. Binarise with "
                "--srcdict dict.txt --tgtdict dict.txt."
            )
    return first, os.path.join(folder, names[0])


def open_dictionary(path: str) -> Dictionary:
    """A dictionary file; one that is none is the user's error."""
    try:
        return Dictionary.load(path)
    except (RuntimeError, ValueError) as error:
        raise CorpusError(f"{path} is not a dictionary ({error}). Its lines are `symbol count`.") from error
