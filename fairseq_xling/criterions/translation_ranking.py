"""The criterion `translation_ranking`: TR (DAP) and additive margin softmax (LaBSE), with TLM where it is wanted."""

from dataclasses import dataclass, field
from typing import Any, Optional

import torch
from fairseq import metrics
from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.dataclass import FairseqDataclass
from torch import Tensor

from fairseq_xling.errors import ConfigError
from fairseq_xling.nn.masking import Masking, joined, masked_tokens
from fairseq_xling.nn.pair_batch import PairBatch, PairLosses, token_mean
from fairseq_xling.nn.ranking import COMBINATIONS, DIRECTIONS, MARGINS_ON, Ranking, ranking_losses


@dataclass
class TranslationRankingConfig(FairseqDataclass):
    """How translations are ranked; the defaults are DAP's."""

    ranking_scale: float = field(
        default=20.0, metadata={"help": "cosines are multiplied by this (DAP: 1/.05 = 20; LaBSE publishes none)"}
    )
    ranking_margin: float = field(default=0.0, metadata={"help": "taken from a pair's own score (LaBSE: 0.3)"})
    ranking_margin_on: str = field(
        default="cosine", metadata={"help": "cosine: taken before scaling (LaBSE); logit: after it (DAP's code)"}
    )
    ranking_direction: str = field(
        default="forward", metadata={"help": "forward: rank targets for each source; backward; or both"}
    )
    ranking_combine: str = field(default="mean", metadata={"help": "of both directions: mean (DAP) or sum (LaBSE)"})
    ranking_local_negatives: bool = field(
        default=False, metadata={"help": "rank among the sentences of the own process only, not among all processes'"}
    )
    ranking_chunk: Optional[int] = field(
        default=None,
        metadata={"help": "gradient caching: keep the activations of so many pairs at a time, same gradient"},
    )
    tlm_weight: float = field(
        default=0.0, metadata={"help": "weight of masked-LM on the joined pairs (DAP's TR+TLM: 0.1); 0: none"}
    )
    tlm_mask: float = field(default=0.15, metadata={"help": "share of the tokens that TLM asks for"})


@register_criterion("translation_ranking", dataclass=TranslationRankingConfig)
class TranslationRankingCriterion(FairseqCriterion):
    """Mean over the pairs of all processes; other objectives' token means are added with their weights."""

    PARTS = ("ranking", "tlm")

    def __init__(self, cfg: TranslationRankingConfig, task: Any) -> None:
        super().__init__(task)
        self.cfg = cfg
        faults = [
            f"--{name.replace('_', '-')} must be one of {', '.join(known)}, but is {getattr(cfg, name)!r}"
            for name, known in (
                ("ranking_margin_on", MARGINS_ON),
                ("ranking_direction", DIRECTIONS),
                ("ranking_combine", COMBINATIONS),
            )
            if getattr(cfg, name) not in known
        ]
        if cfg.ranking_scale <= 0:
            faults.append(f"--ranking-scale must be above 0, but is {cfg.ranking_scale}")
        if cfg.ranking_chunk is not None and cfg.ranking_chunk < 1:
            faults.append(f"--ranking-chunk must be at least 1, but is {cfg.ranking_chunk}")
        if cfg.tlm_weight and task.tokens.source_style != "first":
            faults.append("--tlm-weight needs --dual-style first: the positions of a joined pair restart at `<s>`")
        if faults:
            raise ConfigError(faults)

    def forward(self, model: Any, sample: Any, reduce: bool = True) -> tuple[Tensor, int, dict[str, Any]]:
        """The sum over our pairs, their number, and what is logged."""
        source = sample["net_input"]["src_tokens"]
        batch = self.batch(model, source, sample)
        output = model(source, pairs=batch)
        # A batch that stands in for one that is not there is nobody's negative and adds nothing.
        pairs = 0 if sample.get("ignored") else len(source)
        ranking = self._ranking(model.training)
        hard = None if output.hard is None else output.hard[:pairs]
        parts = {"ranking": ranking_losses(output.source[:pairs], output.target[:pairs], ranking, hard).sum()}
        losses = PairLosses(*(part[:pairs] for part in output.losses))
        parts |= self.parts(losses, batch, pairs)
        weights = self.weights()
        loss = output.idle + sum(weights[name] * part for name, part in parts.items())
        logged = {name: part.detach() for name, part in parts.items()}
        ntokens, nsentences = sample["ntokens"], sample["nsentences"]
        logged |= {"loss": loss.detach(), "ntokens": ntokens, "nsentences": nsentences, "sample_size": pairs}
        return loss, pairs, logged

    def _ranking(self, training: bool) -> Ranking:
        cfg = self.cfg
        # In validation processes may have different batches, and the number of negatives is to be always the same.
        share = training and not cfg.ranking_local_negatives
        margin = cfg.ranking_margin, cfg.ranking_margin_on
        return Ranking(cfg.ranking_scale, *margin, cfg.ranking_direction, cfg.ranking_combine, share)

    def batch(self, model: Any, source: Tensor, sample: Any) -> PairBatch:
        """The other sides of `source`, and what is to be done with them."""
        batch = PairBatch(sample["target"], sample["hard"], chunk=self.cfg.ranking_chunk)
        if self.cfg.tlm_weight:
            tokens = self.task.tokens
            pad = tokens.dictionary.pad()
            both = joined(source, batch.target, pad)
            masking = Masking(tokens.dictionary.index("<mask>"), tokens.ordinary, self.cfg.tlm_mask)
            batch.masked, asked = masked_tokens(both, masking, self.generator(model, source))
            batch.asked = both.masked_fill(~asked, pad)
        return batch

    def generator(self, model: Any, like: Tensor) -> Optional[torch.Generator]:
        """Where random choices come from: in training torch's own, which fairseq seeds before every update."""
        return None if model.training else torch.Generator(device=like.device).manual_seed(1)

    def parts(self, losses: PairLosses, batch: PairBatch, pairs: int) -> dict[str, Tensor]:
        """Objectives other than ranking, by name."""
        return {"tlm": token_mean(losses.tlm, losses.tlm_tokens, pairs)} if self.cfg.tlm_weight else {}

    def weights(self) -> dict[str, float]:
        return {"ranking": 1.0, "tlm": self.cfg.tlm_weight}

    @classmethod
    def reduce_metrics(cls, logging_outputs: list[dict[str, Any]]) -> None:
        """Natural logarithms, as the papers have them; `loss` is the weighted sum of the others."""
        pairs = sum(log.get("sample_size", 0) for log in logging_outputs)
        for name in ("loss", *cls.PARTS):
            found = [log[name] for log in logging_outputs if name in log]
            if found:
                shown = name if name == "loss" else f"{name}_loss"
                metrics.log_scalar(shown, float(sum(found)) / max(pairs, 1), pairs, round=4)

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        return True
