"""Scores by name, round and direction, with their means; what each is called and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fairseq_xling.report.markup import number
from fairseq_xling.report.reading import Run, Score
from fairseq_xling.signatures import parse_signature

Directed = Mapping[tuple[str, str], float]
MEAN = "*"
ORACLE = ".oracle"


@dataclass(frozen=True)
class Naming:
    """How a score is shown."""

    title: str
    meaning: str
    baseline: str | None = None
    percent: bool = True


NAMES = {
    "tatoeba.accuracy": Naming(
        "Retrieval", "the nearest test sentence is the translation", "surface.accuracy"
    ),
    "tatoeba.accuracy.unshared": Naming(
        "Retrieval, no shared word", "the same on test sentences that share no word with their translation",
        "surface.accuracy.unshared",
    ),
    "bleu": Naming("BLEU", "translations of the test set; baseline: the source itself", "copy.bleu", percent=False),
    "bleu.unshared": Naming("BLEU, no shared word", "on the same sentences as above", percent=False),
    "chrf": Naming("chrF", "the same by characters", percent=False),
    "chrf.unshared": Naming("chrF, no shared word", "on the same sentences as above", percent=False),
    "pairs.precision": Naming("Mined pairs: precision", "mined pairs that are translations"),
    "pairs.recall": Naming("Mined pairs: recall", "translations in the texts that were mined"),
    "pairs.f1": Naming("Mined pairs: F1", "of precision and recall"),
    "pairs.f1.oracle": Naming("Mined pairs: F1 at the best cut", "of the same pairs at the best threshold"),
    "xsim.error": Naming("xSIM error", "test sentences whose best margin is elsewhere"),
    "surface.accuracy": Naming("Surface retrieval", "the same by character n-grams, without any model"),
    "surface.accuracy.unshared": Naming("Surface retrieval, no shared word", "the same by character n-grams"),
    "copy.bleu": Naming("BLEU of the source", "of the untranslated source", percent=False),
}  # fmt: skip
_BASELINES = {naming.baseline for naming in NAMES.values() if naming.baseline}
# Shown only where they are asked for: a figure of hindsight beside three of fact.
_BESIDES = {"pairs.precision.oracle", "pairs.recall.oracle"}


def naming(name: str) -> Naming:
    """An unknown score keeps its name; it is a fraction unless its name says otherwise."""
    return NAMES.get(name) or Naming(name, "", percent="bleu" not in name and "chrf" not in name)


def shown(name: str, value: float | None, places: int = 1, signed: bool = False) -> str:
    """The figure as the page writes it; fractions in percent."""
    if value is None:
        return "\u2013"
    text = number(value * factor(name), places)
    return f"+{text}" if signed and value > 0 and float(text) else text


def factor(name: str) -> float:
    return 100.0 if naming(name).percent else 1.0


class Scores:
    """A run's scores; the mean over directions is made here, so that every mean on the page is made alike."""

    def __init__(self, scores: Iterable[Score]) -> None:
        self._directed: dict[tuple[str, str], dict[int, dict[tuple[str, str], Score]]] = {}
        for score in scores:
            source, dash, target = score.pair.partition("-")
            if score.pair != MEAN and dash:
                rounds = self._directed.setdefault((_full_name(score), score.split), {})
                rounds.setdefault(score.round, {})[source, target] = score

    @property
    def rows(self) -> list[tuple[str, str]]:
        """(name, split) of everything that is no baseline of something else, in the page's order."""
        names = {name for name, _ in self._directed}
        beside = {naming(name).baseline for name in names}
        order = {name: place for place, name in enumerate(NAMES)}
        kept = [row for row in self._directed if row[0] not in (_BASELINES & beside) | _BESIDES]
        return sorted(kept, key=lambda row: (order.get(row[0], len(order)), row))

    def splits(self, name: str) -> list[str]:
        return [split for known, split in self._directed if known == name]

    def rounds(self, name: str, split: str) -> list[int]:
        return sorted(self._directed.get((name, split), {}))

    def directed(self, name: str, split: str, round_number: int) -> dict[tuple[str, str], Score]:
        return self._directed.get((name, split), {}).get(round_number, {})

    def values(self, name: str, split: str, round_number: int) -> dict[tuple[str, str], float]:
        return {pair: score.value for pair, score in self.directed(name, split, round_number).items()}

    def mean(self, name: str, split: str, round_number: int) -> float | None:
        values = self.values(name, split, round_number)
        return sum(values.values()) / len(values) if values else None

    def means(self, name: str, split: str) -> list[tuple[int, float]]:
        """(round, mean) of every round that has one."""
        found = ((number, self.mean(name, split, number)) for number in self.rounds(name, split))
        return [(number, mean) for number, mean in found if mean is not None]

    def baseline(self, name: str, split: str) -> float | None:
        """That of the last round in which it was measured; it does not depend on the model."""
        beside = naming(name).baseline
        measured = self.means(beside, split) if beside else []
        return measured[-1][1] if measured else None

    def signatures(self) -> list[tuple[str, str, list[str]]]:
        """(name, split, the different signatures it was made with)."""
        return [
            (name, split, sorted({score.signature for found in rounds.values() for score in found.values()}))
            for (name, split), rounds in sorted(self._directed.items())
        ]


def scores_of(run: Run) -> Scores:
    return Scores(run.scores)


def languages_in(values: Iterable[Iterable[tuple[str, str]]], known: Sequence[str]) -> list[str]:
    """The languages of some directions: in the run's order, unknown ones behind."""
    seen = {code for some in values for pair in some for code in pair}
    return [code for code in known if code in seen] + sorted(seen - set(known))


def _full_name(score: Score) -> str:
    """Mined pairs are scored as they were mined, and at the best cut that one could have chosen with gold at hand."""
    if score.name.startswith("pairs.") and parse_signature(score.signature).get("threshold") == "oracle":
        return score.name + ORACLE
    return score.name
