"""BLEU, chrF and TER of translations, computed by sacreBLEU, whose own signature is a part of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.configs import unknown
from fairseq_xling.errors import ConfigError, CorpusError, MissingDependencyError
from fairseq_xling.evaluation.score import Score
from fairseq_xling.evaluation.sharing import shares_no_word
from fairseq_xling.languages import to_iso
from fairseq_xling.signatures import signature

METRICS = ("bleu", "chrf", "ter")

Rows = npt.NDArray[Any]


@dataclass(frozen=True)
class Translations:
    """`hypotheses[i]` is held against `references[i]`; `sources` are the lines that were translated, where known."""

    hypotheses: Sequence[str]
    references: Sequence[str]
    sources: Sequence[str] | None = None
    languages: tuple[str, str] = ("source", "target")
    split: str = "test"

    def __post_init__(self) -> None:
        sides = {"hypotheses": self.hypotheses, "references": self.references}
        sides |= {} if self.sources is None else {"sources": self.sources}
        if len({len(lines) for lines in sides.values()}) > 1:
            found = ", ".join(f"{len(lines)} {name}" for name, lines in sides.items())
            raise CorpusError(f"{self.pair}: translations need as many lines on every side, but there are {found}.")
        if not self.references:
            raise CorpusError(f"{self.pair}: translations need at least one line, but there is none.")

    @property
    def pair(self) -> str:
        return "-".join(self.languages)


@dataclass(frozen=True)
class Measured:
    """A sacreBLEU metric and what it counted in each sentence, `rows` [n, …]: sums of these make the score."""

    metric: Any
    rows: Rows

    def value(self, chosen: Any = slice(None)) -> Any:
        """sacreBLEU's score object of the sentences `chosen` (a mask, or numbers that may repeat)."""
        return self.metric._compute_score_from_stats(self.rows[chosen].sum(axis=0))

    def signature(self, split: str, **more: Any) -> str:
        """sacreBLEU's fields, its version named as such, then ours."""
        fields = dict(part.split(":", 1) for part in str(self.metric.get_signature()).split("|"))
        version = fields.pop("version")
        return signature(**fields, sacrebleu=version, split=split, **more)


def translation_scores(
    test: Translations, metrics: Sequence[str] = ("bleu", "chrf"), tokenize: str | None = None, unshared: bool = False
) -> list[Score]:
    """One score (0..100) for each metric; `copy.bleu` is the source's own, the baseline of not translating at all.

    `unshared` adds `bleu.unshared` and so on: of the sentences whose source and reference share no word string. Where
    there is none there is no such score. `tokenize` is sacreBLEU's word for BLEU's tokens, by default the one that it
    has for the target language.
    """
    if unshared and test.sources is None:
        raise CorpusError(f"{test.pair}: what source and reference share can be told from the sources. Give them.")
    if unshared:
        chosen = shares_no_word(test.sources or (), test.references)
    scores = []
    for name in metrics:
        found = measured(name, test.hypotheses, test.references, tokenize, test.languages[1])
        scores.append(_score(name, found, test, slice(None)))
        if unshared and chosen.any():
            scores.append(_score(f"{name}.unshared", found, test, chosen))
        if name == "bleu" and test.sources is not None:
            copied = measured(name, test.sources, test.references, tokenize, test.languages[1])
            scores.append(_score("copy.bleu", copied, test, slice(None)))
    return scores


def measured(
    name: str, hypotheses: Sequence[str], references: Sequence[str], tokenize: str | None = None, language: str = ""
) -> Measured:
    """Count once, sentence by sentence, what any sum over sentences needs; `language` is that of the references."""
    metric = _metric(name, tokenize, language)
    return Measured(metric, np.array(metric._extract_corpus_statistics(hypotheses, [references]), np.float64))


def _metric(name: str, tokenize: str | None, language: str) -> Any:
    from sacrebleu.metrics import BLEU, CHRF, TER

    if name not in METRICS:
        raise ConfigError(unknown("metric", name, list(METRICS)))
    if name != "bleu":
        return {"chrf": CHRF, "ter": TER}[name]()
    if tokenize is not None and tokenize not in BLEU.TOKENIZERS:
        raise ConfigError(unknown("tokenize", tokenize, list(BLEU.TOKENIZERS)))
    try:
        # Without a tokenizer, sacreBLEU has its own for some languages, which it knows by ISO 639-1.
        return BLEU(tokenize=tokenize) if tokenize else BLEU(trg_lang=_two_letters(language))
    except RuntimeError as fault:
        words = " ".join(str(fault).split())
        raise MissingDependencyError(f"sacreBLEU: {words} Or choose another --tokenize.") from fault


def _two_letters(language: str) -> str:
    code = to_iso(language, 2)
    return {"zho": "zh", "cmn": "zh", "jpn": "ja", "kor": "ko"}.get(code, code)


def _score(name: str, found: Measured, test: Translations, chosen: Any) -> Score:
    value = found.value(chosen)
    counts: dict[str, Any] = {"sentences": len(found.rows[chosen])}
    more = {}
    if name.endswith(".unshared"):
        counts["of"] = len(found.rows)
        more = {"sentences": "unshared"}
    if hasattr(value, "bp"):
        counts |= {"brevity_penalty": value.bp, "words": value.sys_len, "reference_words": value.ref_len}
    if hasattr(value, "num_edits"):
        counts |= {"edits": int(value.num_edits), "reference_words": value.ref_length}
    return Score(name, float(value.score), found.signature(test.split, **more), test.pair, counts)
