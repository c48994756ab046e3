"""The scorer `xling` of fairseq-generate: BLEU and chrF as sacreBLEU computes them, with their signatures.

No postponed annotations here, fairseq reads the options' types themselves.
"""

from dataclasses import dataclass, field
from typing import Optional

from fairseq.dataclass import FairseqDataclass
from fairseq.scoring import BaseScorer, register_scorer

from fairseq_xling.evaluation.translation import METRICS, Translations, translation_scores
from fairseq_xling.models._errors import user_errors


@dataclass
class XlingScorerConfig(FairseqDataclass):
    """fairseq splits a `List[str]` into letters, so the metrics are one text."""

    xling_metrics: Optional[str] = field(
        default="bleu,chrf", metadata={"help": f"comma-separated, of {', '.join(METRICS)}; the first one is the score"}
    )
    xling_tokenize: Optional[str] = field(
        default="13a", metadata={"help": "how sacreBLEU splits for BLEU: 13a, zh, ja-mecab, char, none, …"}
    )


@register_scorer("xling", dataclass=XlingScorerConfig)
class XlingScorer(BaseScorer):
    """Unlike fairseq's scorer `sacrebleu`, text goes to sacreBLEU as it is, so that its signature holds."""

    def __init__(self, cfg: XlingScorerConfig) -> None:
        super().__init__(cfg)
        with user_errors():  # a wrong name is said before an hour of translating
            self._scores(["a"], ["a"])

    def _scores(self, hypotheses: list, references: list) -> list:
        metrics = [name.strip() for name in (self.cfg.xling_metrics or "").split(",")]
        test = Translations(hypotheses, references, split="generated")
        return translation_scores(test, metrics, self.cfg.xling_tokenize)

    def score(self) -> float:
        return self._scores(self.pred, self.ref)[0].value

    def result_string(self) -> str:
        """`bleu = 33.21 SIGNATURE; chrf = …`"""
        found = self._scores(self.pred, self.ref)
        return "; ".join(f"{score.name} = {score.value:.2f} {score.signature}" for score in found)
