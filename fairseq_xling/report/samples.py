"""Mined pairs at several margins, as sentences: the best, those at the quarters, the last one before the cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import iterate_lines, read_manifest, sha256_file
from fairseq_xling.languages import Pair
from fairseq_xling.report.mined import PAIRS, PAIRS_MANIFEST
from fairseq_xling.report.reading import Run

# How far down the list, best first, and what the page calls the place.
PLACES = ((0.0, "best"), (0.25, "25 %"), (0.5, "middle"), (0.75, "75 %"), (1.0, "last"))


@dataclass(frozen=True)
class Sample:
    """A mined pair with its sentences; `right` is None where no ids tell."""

    place: str
    rank: int
    margin: float
    source: str
    target: str
    right: bool | None


@dataclass(frozen=True)
class _Chosen:
    pair: Pair
    place: str
    rank: int
    margin: float
    lines: tuple[int, int]


def samples(run: Run, round_number: int) -> tuple[dict[Pair, list[Sample]], list[str]]:
    """By pair, of one round; and which texts could not be shown, with the reason."""
    chosen: list[_Chosen] = []
    read: dict[str, set[str]] = {}
    for pair in run.pairs:
        stage = f"round-{round_number:02d}/mine/{pair}"
        pairs, manifest = run.place(stage, PAIRS), run.place(stage, PAIRS_MANIFEST)
        if pairs and manifest:
            known = read_manifest(manifest)
            chosen += _choose(pair, pairs, int(known.counts["pairs"]))
            for code in pair:
                read.setdefault(code, set()).update(known.inputs.values())
    wanted: dict[str, set[int]] = {}
    for one in chosen:
        for code, line in zip(one.pair, one.lines, strict=True):
            wanted.setdefault(code, set()).add(line)
    texts, missing = _texts(run, wanted, read)
    concepts = {code: _concepts(run, code, lines) for code, lines in wanted.items()}
    found: dict[Pair, list[Sample]] = {}
    for one in chosen:
        if all(code in texts for code in one.pair):
            source, target = (texts[code].get(line, "") for code, line in zip(one.pair, one.lines, strict=True))
            ids = [concepts[code].get(line) for code, line in zip(one.pair, one.lines, strict=True)]
            right = None if None in ids else ids[0] == ids[1]
            found.setdefault(one.pair, []).append(Sample(one.place, one.rank, one.margin, source, target, right))
    return found, missing


def _texts(
    run: Run, wanted: Mapping[str, set[int]], read: Mapping[str, set[str]]
) -> tuple[dict[str, dict[int, str]], list[str]]:
    """The wanted lines of each language whose text is still, by checksum, the one that was mined."""
    texts: dict[str, dict[int, str]] = {}
    missing = []
    for code, lines in wanted.items():
        path = run.file(code, "mono")
        if path is None or not path.is_file():
            missing.append(f"{code}: its text is not where the configuration says.")
        elif sha256_file(path) not in read[code]:
            missing.append(f"{code}: its text is not the one that was mined any more.")
        else:
            texts[code] = read_some(path, lines)
    return texts, missing


def _concepts(run: Run, code: str, lines: set[int]) -> Mapping[int, str]:
    path = run.file(code, "ids")
    return read_some(path, lines) if path and path.is_file() else {}


def _choose(pair: Pair, path: Path, count: int) -> Iterator[_Chosen]:
    """The lines of pairs.tsv at the places; each once, however few pairs there are."""
    ranks: dict[int, str] = {}
    for share, name in PLACES if count else ():
        ranks.setdefault(round(share * (count - 1)), name)
    for rank, line in read_some(path, set(ranks)).items():
        try:
            margin, source, target = line.split("\t")
            yield _Chosen(pair, ranks[rank], rank + 1, float(margin), (int(source), int(target)))
        except ValueError as fault:
            raise CorpusError(
                f"{path}:{rank + 1}: not score TAB line TAB line ({fault}). Mine the pair again."
            ) from fault


def read_some(path: Path, wanted: set[int]) -> dict[int, str]:
    """The wanted lines, 0-based, in their order; the file is left at the last of them."""
    last, found = max(wanted, default=-1), dict[int, str]()
    for number, line in enumerate(iterate_lines(path)) if wanted else ():
        if number in wanted:
            found[number] = line
        if number >= last:
            break
    return found
