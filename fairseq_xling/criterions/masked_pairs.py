"""The criterion `masked_pairs`: the tokens that are masked in sentences and joined pairs (MLM and TLM)."""

from dataclasses import dataclass, field
from typing import Any

import torch
from fairseq import metrics, utils
from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.dataclass import FairseqDataclass
from torch import Tensor
from torch.nn import functional

from fairseq_xling.errors import ConfigError
from fairseq_xling.nn.masking import Masking, masked_tokens


@dataclass
class MaskedPairsCriterionConfig(FairseqDataclass):
    """How tokens are chosen; 80 % of them are masked, 10 % replaced, 10 % left (BERT)."""

    masked_share: float = field(default=0.15, metadata={"help": "share of the tokens that are asked for"})


@register_criterion("masked_pairs", dataclass=MaskedPairsCriterionConfig)
class MaskedPairsCriterion(FairseqCriterion):
    """Mean cross-entropy over the tokens that are asked for."""

    def __init__(self, cfg: MaskedPairsCriterionConfig, task: Any) -> None:
        super().__init__(task)
        if not 0 < cfg.masked_share < 1:
            raise ConfigError(f"--masked-share must be between 0 and 1, but is {cfg.masked_share}")
        self.masking = Masking(task.tokens.dictionary.index("<mask>"), task.tokens.ordinary, cfg.masked_share)

    def forward(self, model: Any, sample: Any, reduce: bool = True) -> tuple[Tensor, int, dict[str, Any]]:
        tokens = sample["net_input"]["src_tokens"]
        # In training torch's own generator, which fairseq seeds before every update; in validation always the same.
        generator = None if model.training else torch.Generator(device=tokens.device).manual_seed(1)
        read, asked = masked_tokens(tokens, self.masking, generator)
        logits = model(read, masked_tokens=asked)[0]
        loss = functional.cross_entropy(logits.float(), tokens[asked], reduction="sum")
        sample_size = int(asked.sum())
        logged = {"loss": loss.detach(), "ntokens": sample["ntokens"], "nsentences": sample["nsentences"]}
        return loss, sample_size, {**logged, "sample_size": sample_size}

    @classmethod
    def reduce_metrics(cls, logging_outputs: list[dict[str, Any]]) -> None:
        total = sum(log.get("loss", 0) for log in logging_outputs)
        tokens = sum(log.get("sample_size", 0) for log in logging_outputs)
        # In bits, as fairseq's own masked_lm logs it.
        metrics.log_scalar("loss", total / max(tokens, 1) / torch.tensor(2.0).log(), tokens, round=3)
        metrics.log_derived("ppl", lambda meters: utils.get_perplexity(meters["loss"].avg))

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        return True
