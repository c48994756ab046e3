"""What was mined of a pair in a round: the margins with their cut, right and wrong pairs where ids tell, filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import iterate_lines, read_lines, read_manifest
from fairseq_xling.languages import Pair
from fairseq_xling.report.reading import Run

PAIRS, PAIRS_MANIFEST, DATA_MANIFEST = "pairs.tsv", "pairs.manifest.json", "data/manifest.json"
BINS = 20


@dataclass(frozen=True)
class Bin:
    """Mined pairs of `low` to `high`; `right` of them are translations, None where no ids tell."""

    low: float
    high: float
    count: int
    right: int | None = None


@dataclass(frozen=True)
class Mined:
    """One mining stage, from its manifest and, where ids exist, from its pairs."""

    pair: Pair
    round: int
    count: int
    bins: Sequence[Bin]
    facts: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def cut(self) -> float | None:
        """The margin of the last pair that was kept."""
        return self.bins[0].low if self.bins else None

    @property
    def right(self) -> int | None:
        known = [found.right for found in self.bins]
        return None if None in known or not known else sum(filter(None, known))

    @property
    def quantiles(self) -> dict[float, float]:
        """Of the margins of all mutual nearest pairs, before any cut."""
        quality = self.facts.get("quality") or {}
        return {float(share): float(value) for share, value in (quality.get("score_quantiles") or {}).items()}

    @property
    def cap(self) -> int | None:
        return self.config.get("max_count")

    @property
    def suggested(self) -> int | None:
        """How many pairs mining itself would trust, without gold."""
        return (self.facts.get("quality") or {}).get("suggested_cap")


@dataclass(frozen=True)
class Assembled:
    """What became of a round's pairs on their way into training."""

    mined: int
    dropped: Mapping[str, int]
    train: int
    validation: int


def mined(run: Run, pair: Pair, round_number: int) -> Mined | None:
    """None where the stage is not finished."""
    if (pair, round_number) not in run.memory:
        run.memory[pair, round_number] = _mined(run, pair, round_number)
    found: Mined | None = run.memory[pair, round_number]
    return found


def _mined(run: Run, pair: Pair, round_number: int) -> Mined | None:
    stage = f"round-{round_number:02d}/mine/{pair}"
    place, pairs = run.place(stage, PAIRS_MANIFEST), run.place(stage, PAIRS)
    if place is None:
        return None
    manifest = read_manifest(place)
    counts = manifest.counts
    bins = [Bin(step["low"], step["high"], step["count"]) for step in counts.get("histogram") or []]
    ids = [run.file(code, "ids") for code in pair]
    if pairs and bins and all(path and path.is_file() for path in ids):
        source, target = (_concepts(path) for path in ids if path)
        bins = list(_judged(pairs, source, target))
    return Mined(pair, round_number, int(counts["pairs"]), bins, counts, manifest.config)


def assembled(run: Run, pair: Pair, round_number: int) -> Assembled | None:
    """What the round trained on: that which the round before mined, after the filters."""
    place = run.place(f"round-{round_number:02d}/assemble/{pair}", DATA_MANIFEST)
    if place is None:
        return None
    counts = read_manifest(place).counts
    return Assembled(counts["mined"], counts["dropped"], counts["train"], counts["validation"])


def _judged(path: Path, source: Sequence[str], target: Sequence[str]) -> Iterator[Bin]:
    """Equal steps over the margins, with the pairs of equal concept counted in each."""
    judged = [(score, source[one] == target[two]) for score, one, two in read_pairs(path, len(source), len(target))]
    low, high = min(score for score, _ in judged), max(score for score, _ in judged)
    width = max(high - low, 1e-7) / BINS
    counts, right = [0] * BINS, [0] * BINS
    for score, good in judged:
        place = min(int((score - low) / width), BINS - 1)
        counts[place] += 1
        right[place] += good
    for place in range(BINS):
        yield Bin(low + place * width, low + (place + 1) * width, counts[place], right[place])


def read_pairs(path: Path, sources: int, targets: int) -> Iterator[tuple[float, int, int]]:
    """(score, source line, target line) of pairs.tsv, best first."""
    for number, line in enumerate(iterate_lines(path), start=1):
        try:
            score, source, target = line.split("\t")
            found = float(score), int(source), int(target)
        except ValueError as fault:
            raise CorpusError(
                f"{path}:{number}: not score TAB line TAB line ({fault}). Mine the pair again."
            ) from fault
        if not (0 <= found[1] < sources and 0 <= found[2] < targets):
            raise CorpusError(f"{path}:{number}: a line that its text does not have. Are the ids of this very text?")
        yield found


@lru_cache(maxsize=64)
def _concepts(path: Path) -> list[str]:
    return read_lines(path)
