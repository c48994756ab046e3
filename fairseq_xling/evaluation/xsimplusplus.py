"""xSIM++: xSIM among the translations and made-up sentences that are nearly those (Chen et al. 2023)."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.nearest import Matrix, two_way
from fairseq_xling.evaluation.score import Score, extended
from fairseq_xling.evaluation.xsim import best_by_margin
from fairseq_xling.files import read_bytes

MISALIGNED = "Misaligned"


class Change(NamedTuple):
    """What a made-up sentence was made of, and how."""

    original: str
    kind: str


@dataclass(frozen=True)
class AugmentedSet:
    """Row i of `source` [n] translates row i of `candidates` [n + m], whose other m rows are made-up sentences.

    `lines` are the candidates' texts, `changes` says of made-up ones what they are.
    """

    source: Matrix
    candidates: Matrix
    lines: Sequence[str]
    changes: Mapping[str, Change]
    languages: tuple[str, str] = ("source", "target")
    split: str = "test"
    encoder: str | None = None

    def __post_init__(self) -> None:
        sentences, candidates = self.source.shape[0], self.candidates.shape[0]
        if candidates != len(self.lines):
            raise CorpusError(f"{candidates} candidate vectors, but {len(self.lines)} lines. Encode that very text.")
        if not 0 < sentences < candidates:
            raise CorpusError(
                f"{sentences} source rows and {candidates} candidates: there must be a source row, and more candidates "
                "than source rows. Give the made-up sentences too."
            )


def xsimplusplus_scores(test: AugmentedSet, margin: str = "ratio", k: int = 4) -> list[Score]:
    """`xsim++.error`, source to target, compared by text; the counts hold the errors of each kind of change.

    An error is of a kind where the sentence found was made of the very one expected; else it is `Misaligned`.
    """
    answers, _ = best_by_margin(two_way(test.source, test.candidates, k), margin)
    kinds = Counter[str]()
    for expected, answer in enumerate(answers.tolist()):
        wanted, found = test.lines[expected], test.lines[answer] if answer >= 0 else None
        if found != wanted:
            kinds[_kind(test.changes, wanted, found)] += 1
    sentences, errors = len(answers), kinds.total()
    counts = {"errors": errors, "sentences": sentences, "candidates": len(test.lines)}
    counts |= {f"errors.{kind}": count for kind, count in sorted(kinds.items())}
    made = extended(test.encoder, margin=margin, k=k, compare="textual", split=test.split, threshold=None)
    return [Score("xsim++.error", errors / sentences, made, "-".join(test.languages), counts)]


def _kind(changes: Mapping[str, Change], wanted: str, found: str | None) -> str:
    # Stripped, because LASER's JSON holds sentences without the spaces around them.
    change = None if found is None else changes.get(found.strip())
    return change.kind if change is not None and change.original == wanted.strip() else MISALIGNED


def read_changes(path: str | os.PathLike[str]) -> dict[str, Change]:
    """LASER's `xx_errtype.split.json`: `{made-up sentence: {"src": the original, "errtype": the kind of change}}`."""
    try:
        content = json.loads(read_bytes(path).decode("utf-8"))
        return {sentence: Change(str(change["src"]), str(change["errtype"])) for sentence, change in content.items()}
    except (ValueError, AttributeError, KeyError, TypeError) as fault:
        form = '{"made-up sentence": {"src": "original", "errtype": "kind"}}'
        raise CorpusError(f"{path} does not have the form {form} ({type(fault).__name__}: {fault}).") from fault
