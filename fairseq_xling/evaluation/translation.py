"""BLEU, chrF and TER of translations, computed by sacreBLEU, whose own signature is a part of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fairseq_xling.configs import unknown
from fairseq_xling.errors import ConfigError, CorpusError, MissingDependencyError
from fairseq_xling.evaluation.score import Score
from fairseq_xling.evaluation.sharing import shares_no_word
from fairseq_xling.evaluation.significance import Bootstrap, interval, paired_bootstrap
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

    def number(self, chosen: Any = slice(None)) -> float:
        return float(self.value(chosen).score)

    def only(self, chosen: Any) -> Measured:
        """The same of some of the sentences."""
        return replace(self, rows=self.rows[chosen])

    def signature(self, split: str, **more: Any) -> str:
        """sacreBLEU's fields, its version named as such, then ours."""
        fields = dict(part.split(":", 1) for part in str(self.metric.get_signature()).split("|"))
        version = fields.pop("version")
        return signature(**fields, sacrebleu=version, split=split, **more)


def translation_scores(
    test: Translations,
    metrics: Sequence[str] = ("bleu", "chrf"),
    tokenize: str | None = None,
    unshared: bool = False,
    bootstrap: Bootstrap | None = None,
    baseline: Sequence[str] | None = None,
) -> list[Score]:
    """One score (0..100) for each metric; `copy.bleu` is the source's own, the baseline of not translating at all.

    `unshared` adds `bleu.unshared` and so on: of the sentences whose source and reference share no word string. Where
    there is none there is no such score. `tokenize` is sacreBLEU's word for BLEU's tokens, by default the one that it
    has for the target language. With `bootstrap` the counts hold an interval, with `baseline`, another system's
    hypotheses, that one's score and the p of the paired bootstrap.
    """
    if unshared and test.sources is None:
        raise CorpusError(f"{test.pair}: what source and reference share can be told from the sources. Give them.")
    if baseline is not None and len(baseline) != len(test.references):
        raise CorpusError(f"{test.pair}: {len(baseline)} lines of the baseline for {len(test.references)} references.")
    chosen = shares_no_word(test.sources or (), test.references) if unshared else np.empty(0, bool)
    scores = []
    for name in metrics:
        tokens = (test.references, tokenize, test.languages[1])
        found = measured(name, test.hypotheses, *tokens)
        other = None if baseline is None else measured(name, baseline, *tokens)
        scores.append(_score(name, test, found, _sure(found, other, bootstrap)))
        if chosen.any():
            some, others = found.only(chosen), None if other is None else other.only(chosen)
            more = {"of": len(chosen)} | _sure(some, others, bootstrap)
            scores.append(_score(f"{name}.unshared", test, some, more))
        if name == "bleu" and test.sources is not None:
            copied = measured(name, test.sources, *tokens)
            scores.append(_score("copy.bleu", test, copied, _sure(copied, None, bootstrap)))
    return scores


def _sure(found: Measured, other: Measured | None, bootstrap: Bootstrap | None) -> dict[str, Any]:
    """What the counts say of chance."""
    sure: dict[str, Any] = {}
    if bootstrap is not None:
        sure |= interval(bootstrap.values(found.number, len(found.rows)), bootstrap)
    if other is not None:
        tested = bootstrap or Bootstrap()
        p = paired_bootstrap(found.number, other.number, len(found.rows), tested)
        sure |= {"baseline": other.number(), "p": p, "bootstrap": tested.samples, "bootstrap_seed": tested.seed}
    return sure


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


def _score(name: str, test: Translations, found: Measured, more: Mapping[str, Any]) -> Score:
    value = found.value()
    counts: dict[str, Any] = {"sentences": len(found.rows)}
    if hasattr(value, "bp"):
        counts |= {"brevity_penalty": value.bp, "words": value.sys_len, "reference_words": value.ref_len}
    if hasattr(value, "num_edits"):
        counts |= {"edits": int(value.num_edits), "reference_words": int(value.ref_length)}
    fields = {"sentences": "unshared"} if name.endswith(".unshared") else {}
    return Score(name, float(value.score), found.signature(test.split, **fields), test.pair, counts | dict(more))
