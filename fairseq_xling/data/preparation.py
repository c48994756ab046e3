"""Raw texts to a folder that the task criss and fairseq's multilingual_denoising read: DATA.

DATA/dict.txt                  pieces, then [code] tokens in the order of the languages, then <mask>
DATA/spm.model
DATA/xx/train.bin valid.bin    monolingual text, for multilingual_denoising --langs … --add-lang-token
DATA/train.xx-yy.xx.bin …      pairs, for criss
"""

from __future__ import annotations

import itertools
import multiprocessing
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from fairseq.data import Dictionary

from fairseq_xling.data.binarising import Counts, Cutter, Text, binarise, binarise_in_worker, lines_of
from fairseq_xling.data.language_tokens import complete_dictionary
from fairseq_xling.data.pairs import open_dictionary
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import iterate_lines
from fairseq_xling.languages import parse_pair
from fairseq_xling.mining.assemble import AssemblyConfig
from fairseq_xling.text.pieces import Pieces, PiecesConfig, train_pieces

SPLITS = ("train", "valid", "test")
_SPLIT_FILE = re.compile(r"(train|valid|test)\.(.+)")
# What assemble puts beside the texts.
_BESIDE = re.compile(r"(train|valid)\.pairs\.tsv")

Progress = Callable[[int], object]


@dataclass(frozen=True)
class PairFiles:
    """Two files in step: what `assemble` wrote for one split."""

    split: str
    source: str
    target: str
    files: tuple[str, str]

    @property
    def name(self) -> str:
        return f"{self.split}.{self.source}-{self.target}"


@dataclass(frozen=True)
class Sources:
    """The texts that are named, and the languages in the model's order."""

    languages: Sequence[str]
    mono: Mapping[str, str]
    pairs: Sequence[PairFiles]

    @property
    def training_files(self) -> list[str]:
        """What a SentencePiece model may be trained on: no validation and no test pairs."""
        return [*self.mono.values(), *(file for pair in self.pairs if pair.split == "train" for file in pair.files)]

    @property
    def files(self) -> list[str]:
        return [*self.mono.values(), *(file for pair in self.pairs for file in pair.files)]


def find_pairs(folders: Sequence[str], languages: Sequence[str]) -> list[PairFiles]:
    """Every SPLIT.xx-yy.{xx,yy} of the folders; all that is not understood is said at once."""
    found, faults = list[PairFiles](), list[str]()
    for folder in folders:
        if not Path(folder).is_dir():
            faults.append(f"--pairs {folder} is not a directory. Name what assemble wrote")
            continue
        here = [
            PairFiles(split, source, target, (f"{folder}/{stem}.{source}", f"{folder}/{stem}.{target}"))
            for split, source, target in itertools.product(SPLITS, languages, languages)
            if source != target and Path(folder, f"{(stem := f'{split}.{source}-{target}')}.{source}").is_file()
        ]
        faults += [f"{pair.files[1]} is missing beside {pair.files[0]}" for pair in here if not _exists(pair.files[1])]
        faults += _not_understood(folder, here, languages)
        found += here
    names = [frozenset((pair.source, pair.target, pair.split)) for pair in found]
    twice = sorted({pair.name for pair, name in zip(found, names, strict=True) if names.count(name) > 1})
    faults += [f"{name} is there more than once. Name one folder for each pair of languages" for name in twice]
    if faults:
        raise ConfigError(faults, "pairs")
    return found


def given_pairs(
    named: Sequence[Sequence[str]], languages: Sequence[str], others: Sequence[PairFiles]
) -> list[PairFiles]:
    """`others` and the training pairs (xx-yy, source file, target file) that are named one by one."""
    found, faults = list(others), list[str]()
    for text, *files in named:
        try:
            pair = parse_pair(text, list(languages))
        except ConfigError as error:
            faults += error.faults
            continue
        faults += [f"{file} does not exist. Check the path (--bitext {text})" for file in files if not _exists(file)]
        if any(other.split == "train" and {other.source, other.target} == set(pair) for other in found):
            faults.append(f"{text} has training pairs already. Name one place for each pair of languages")
        found.append(PairFiles("train", pair.source, pair.target, (files[0], files[1])))
    if faults:
        raise ConfigError(faults, "bitext")
    return found


def without_empty(pairs: Sequence[PairFiles]) -> list[PairFiles]:
    """Those with a sentence; of a pair of languages with nothing to train on, nothing is kept."""
    trained = {frozenset((pair.source, pair.target)) for pair in pairs if pair.split == "train" and _has_line(pair)}
    kept = [pair for pair in pairs if frozenset((pair.source, pair.target)) in trained and _has_line(pair)]
    if pairs and not kept:
        raise CorpusError(
            f"none of the {len(pairs)} files of pairs has a sentence, {pairs[0].files[0]} say. Mine with a lower "
            "--threshold, or look at what the filters of assemble dropped."
        )
    return kept


def _has_line(pair: PairFiles) -> bool:
    return any(True for _ in iterate_lines(pair.files[0]))


def _exists(path: str) -> bool:
    return Path(path).is_file()


def _not_understood(folder: str, found: Sequence[PairFiles], languages: Sequence[str]) -> list[str]:
    """Files that look like pairs and are none of `found`."""
    known = {file for pair in found for file in pair.files}
    names = sorted(path.name for path in Path(folder).iterdir() if _SPLIT_FILE.fullmatch(path.name))
    foreign = [name for name in names if f"{folder}/{name}" not in known and not _BESIDE.fullmatch(name)]
    if any(name.endswith((".tsv", ".tmx")) for name in foreign):
        return [f"{folder}/{foreign[0]} is not in two files. Assemble with --format moses"]
    if foreign:
        return [f"{folder}/{foreign[0]} is not SPLIT.xx-yy.xx of two of the languages {', '.join(languages)} (--langs)"]
    return [] if found else [f"{folder} has no train.xx-yy.xx. Name what assemble wrote"]


def make_pieces(folder: Path, given: str | None, sources: Sources, config: PiecesConfig) -> Pieces:
    """`given` copied to FOLDER/spm.model, or one trained on the named training texts and on nothing else."""
    path = folder / "spm.model"
    if given is None:
        return train_pieces(sources.training_files, path, config)
    Pieces(given)  # refuses what is none
    shutil.copyfile(given, path)
    return Pieces(path)


def make_dictionary(folder: Path, pieces: Pieces, given: str | None, languages: Sequence[str]) -> Dictionary:
    """FOLDER/dict.txt, complete: `given`, or all pieces in their order, with language tokens and the mask behind."""
    if given is None:
        dictionary = Dictionary()
        for symbol in pieces.symbols():
            dictionary.add_symbol(symbol)
    else:
        if not _exists(given):
            raise CorpusError(f"{given} does not exist. Check the path (--dict).")
        pieces.check_dictionary(given)
        dictionary = open_dictionary(given)
    complete_dictionary(dictionary, languages, given or "the pieces")
    dictionary.save(str(folder / "dict.txt"))
    return dictionary


def texts_of(sources: Sources, folder: Path, sample: AssemblyConfig, write_pieces: bool = False) -> list[Text]:
    """What is to be binarised, and where it goes; a test set keeps its empty lines, so that its line numbers hold."""
    texts = []
    for language, file in sources.mono.items():
        (folder / language).mkdir()
        splits = ("train", "valid") if sample.validation else ("train",)
        prefixes = {split: (str(folder / language / split),) for split in splits}
        drawn = sample if sample.validation else None
        texts.append(Text(language, (file,), prefixes, drawn, write_pieces=write_pieces))
    for pair in sources.pairs:
        stems = tuple(str(folder / f"{pair.name}.{language}") for language in (pair.source, pair.target))
        empty = pair.split == "test"
        texts.append(Text(pair.name, pair.files, {pair.split: stems}, keep_empty=empty, write_pieces=write_pieces))
    return texts


def binarise_all(
    texts: Sequence[Text], folder: Path, workers: int = 1, progress: Progress | None = None
) -> dict[str, Counts]:
    """Every text, by name; `workers` above 1 are processes that take a text each."""
    spm, dictionary = str(folder / "spm.model"), str(folder / "dict.txt")
    if workers == 1:
        cutter = Cutter.open(spm, dictionary)
        return {text.name: binarise(text, cutter, progress) for text in texts}
    found = dict[str, Counts]()
    # Not by fork: torch is loaded, and its threads do not survive one.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(binarise_in_worker, text, spm, dictionary): text for text in texts}
        for done in as_completed(running):
            name, counts = done.result()
            found[name] = counts
            if progress:
                progress(lines_of(running[done]))
    return {text.name: found[text.name] for text in texts}
