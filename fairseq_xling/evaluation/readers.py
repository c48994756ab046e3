"""The public formats that hold gold: Tatoeba pairs, FLORES and NTREX, BUCC lists, concept ids, mined pairs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import iterate_lines, read_lines

AnyPath = str | os.PathLike[str]
_TATOEBA = "tatoeba."
# Endings of other files that may stand beside texts called `test.fur`.
_NO_LANGUAGE = {"txt", "tsv", "npy", "ids", "svg", "csv"}


def tatoeba_pairs(folder: AnyPath) -> list[tuple[str, str]]:
    """The language pairs (other, pivot) of a folder of files `tatoeba.xxx-eng.xxx` and `tatoeba.xxx-eng.eng`."""
    folder = Path(folder)
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder. Name the one with the files tatoeba.xxx-eng.xxx.")
    found = set()
    for path in folder.glob(f"{_TATOEBA}*"):
        pair, _, language = path.name.removeprefix(_TATOEBA).removesuffix(".gz").rpartition(".")
        source, _, target = pair.partition("-")
        if source and target and language in (source, target):
            found.add((source, target))
    if not found:
        raise CorpusError(f"{folder} has no files named tatoeba.xxx-eng.xxx. Name the folder that has.")
    return sorted(found)


def tatoeba_files(folder: AnyPath, pair: tuple[str, str]) -> tuple[Path, Path]:
    """The files of one pair's two sides; a missing one is the user's error."""
    source, target = pair
    files = []
    for language in pair:
        plain = Path(folder) / f"{_TATOEBA}{source}-{target}.{language}"
        packed = plain.with_name(plain.name + ".gz")
        if not plain.is_file() and not packed.is_file():
            raise CorpusError(f"{plain} does not exist. Both sides of {source}-{target} are needed.")
        files.append(plain if plain.is_file() else packed)
    return files[0], files[1]


def read_tatoeba(folder: AnyPath, pair: tuple[str, str]) -> tuple[list[str], list[str]]:
    """Both sides' lines; line i of one translates line i of the other."""
    files = tatoeba_files(folder, pair)
    source, target = (read_lines(file) for file in files)
    if len(source) != len(target):
        raise CorpusError(f"{files[0]} has {len(source)} lines, but {files[1]} has {len(target)}. Download both again.")
    return source, target


def read_gold(path: AnyPath) -> set[tuple[str, str]]:
    """BUCC's gold: `source id TAB target id` a line; a pair that is listed twice is one pair."""
    return {(source, target) for _, (source, target) in _cells(path, (2,), "source id TAB target id")}


def read_candidates(
    path: AnyPath, sentences: Sequence[AnyPath] | None = None
) -> tuple[npt.NDArray[np.float64], list[tuple[str, str]]]:
    """`score TAB source id TAB target id` a line, in any order; what mine adds after them is left out.

    With `sentences`, BUCC's source and target files, the ids are line numbers of these and become the ids in them.
    """
    if sentences is None:
        scores, pairs = list[float](), list[tuple[str, str]]()
        for number, cells in _cells(path, (3, 5), "score TAB source id TAB target id"):
            scores.append(_score(path, number, cells[0]))
            pairs.append((cells[1], cells[2]))
        return np.array(scores, np.float64), pairs
    mined_scores, *lines = read_mined(path)
    columns = []
    for ids, file in zip(lines, sentences, strict=True):
        names, _ = read_sentences(file)
        if len(ids) and ids.max() >= len(names):
            raise CorpusError(f"{path} names line {ids.max()}, but {file} has {len(names)} lines, counted from 0.")
        columns.append([names[line] for line in ids.tolist()])
    return mined_scores, list(zip(columns[0], columns[1], strict=True))


def read_sentences(path: AnyPath) -> tuple[list[str], list[str]]:
    """BUCC's sentence files, `id TAB sentence` a line: (ids, sentences)."""
    ids, sentences, seen = list[str](), list[str](), set[str]()
    for number, line in enumerate(iterate_lines(path), start=1):
        name, tab, sentence = line.partition("\t")
        if not tab:
            raise CorpusError(f"{path}:{number}: no TAB. BUCC's sentence files have `id TAB sentence`.")
        if name in seen:
            raise CorpusError(f"{path}:{number}: the id {name} was there before. Every sentence needs its own.")
        seen.add(name)
        ids.append(name)
        sentences.append(sentence)
    return ids, sentences


def read_concepts(path: AnyPath) -> list[str]:
    """One concept number (or any name) a line, for line i of a text; equal ones are translations."""
    concepts = read_lines(path)
    if "" in concepts:
        raise CorpusError(f"{path}:{concepts.index('') + 1}: no concept number. Every line of the text needs one.")
    return concepts


def read_mined(path: AnyPath) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs of 0-based line numbers as mine writes them: (scores, source ids, target ids)."""
    scores, pairs = read_candidates(path)
    ids = np.empty((len(pairs), 2), np.int64)
    for place, pair in enumerate(pairs):
        for side, text in enumerate(pair):
            if not (text.isascii() and text.isdigit()):
                raise CorpusError(
                    f"{path}:{place + 1}: `{text[:40]}` is not a line number. "
                    "Mine without --source-text and --target-text, so that the pairs hold ids."
                )
            ids[place, side] = int(text)
    return scores, ids[:, 0], ids[:, 1]


def _cells(path: AnyPath, widths: tuple[int, ...], form: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(iterate_lines(path), start=1):
        cells = line.split("\t")
        if len(cells) not in widths:
            raise CorpusError(f"{path}:{number}: {len(cells)} columns instead of `{form}`.")
        yield number, cells


def _score(path: AnyPath, number: int, text: str) -> float:
    try:
        return float(text)
    except ValueError as fault:
        raise CorpusError(f"{path}:{number}: the score `{text}` is not a number.") from fault


def parallel_files(folder: AnyPath, split: str) -> dict[str, Path]:
    """The texts by language of a folder whose line i means the same in each: FLORES, NTREX, or files `SPLIT.code`.

    FLORES has `eng_Latn.devtest` (FLORES+ `devtest.eng_Latn`) in `devtest/` or in the folder itself, NTREX
    `newstest2019-ref.deu.txt` (its English is `newstest2019-src.eng.txt`), the only split whatever `split` says.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder. Name the one that holds a text for each language.")
    flores = re.compile(rf"([a-z]{{3}}_[A-Z][a-z]{{3}})\.{re.escape(split)}")
    ntrex = re.compile(r"newstest2019-(?:ref|src)\.([A-Za-z_-]+)\.txt")
    plain = re.compile(rf"{re.escape(split)}\.([a-z]{{2,3}}(?:[_-]\w+)*)")
    inside = folder / split
    for place, form in ((inside, flores), (inside, plain), (folder, flores), (folder, ntrex), (folder, plain)):
        matches = {path: form.fullmatch(path.name.removesuffix(".gz")) for path in sorted(place.glob("*"))}
        found = {match[1]: path for path, match in matches.items() if match and match[1] not in _NO_LANGUAGE}
        if found:
            return found
    raise CorpusError(
        f"{folder} has no texts of split {split}: neither xxx_Xxxx.{split} (FLORES), nor newstest2019-ref.xxx.txt "
        f"(NTREX), nor {split}.xxx. Name the split with --split."
    )


def read_parallel(files: Mapping[str, Path]) -> dict[str, list[str]]:
    """The lines of each language; a file with another number of lines than the first is an error."""
    texts = {code: read_lines(path) for code, path in files.items()}
    first = next(iter(texts), "")
    for code, lines in texts.items():
        if len(lines) != len(texts[first]):
            raise CorpusError(f"{files[code]} has {len(lines)} lines, but {files[first]} has {len(texts[first])}.")
    return texts
