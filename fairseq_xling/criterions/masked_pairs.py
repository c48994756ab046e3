"""The criterion `masked_pairs`: masked tokens of sentences and joined pairs (MLM, TLM), and further objectives."""

from dataclasses import dataclass, field
from typing import Any, Optional

import torch
from fairseq import metrics, utils
from fairseq.criterions import FairseqCriterion, register_criterion
from fairseq.dataclass import FairseqDataclass
from torch import Tensor
from torch.nn import functional

from fairseq_xling.criterions.masked_objectives import OBJECTIVES, Sides, parse_objectives
from fairseq_xling.errors import ConfigError
from fairseq_xling.nn.masking import Masking, masked_tokens, parted
from fairseq_xling.nn.pair_batch import token_mean


@dataclass
class MaskedPairsCriterionConfig(FairseqDataclass):
    """How tokens are chosen; 80 % of them are masked, 10 % replaced, 10 % left (BERT)."""

    masked_share: float = field(default=0.15, metadata={"help": "share of the tokens that are asked for"})
    masked_objectives: Optional[str] = field(
        default=None,
        metadata={
            "help": "more objectives on the pairs, NAME or NAME:WEIGHT between commas: recovery (say the source's "
            "words from the target's; Unicoder), similarity (rank the pair's vectors in the batch)"
        },
    )


@register_criterion("masked_pairs", dataclass=MaskedPairsCriterionConfig)
class MaskedPairsCriterion(FairseqCriterion):
    """Mean cross-entropy over the tokens that are asked for, and the weighted means of what else is."""

    def __init__(self, cfg: MaskedPairsCriterionConfig, task: Any) -> None:
        super().__init__(task)
        if not 0 < cfg.masked_share < 1:
            raise ConfigError(f"--masked-share must be between 0 and 1, but is {cfg.masked_share}")
        self.objectives = parse_objectives(cfg.masked_objectives)
        if self.objectives and not task.trained:
            raise ConfigError("--masked-objectives are of sentence pairs. Name some: --dual-pairs xx-yy")
        self.masking = Masking(task.tokens.dictionary.index("<mask>"), task.tokens.ordinary, cfg.masked_share)

    def forward(self, model: Any, sample: Any, reduce: bool = True) -> tuple[Tensor, int, dict[str, Any]]:
        tokens = sample["net_input"]["src_tokens"]
        # In training torch's own generator, which fairseq seeds before every update; in validation always the same.
        generator = None if model.training else torch.Generator(device=tokens.device).manual_seed(1)
        read, asked = masked_tokens(tokens, self.masking, generator)
        logits = model(read, masked_tokens=asked)[0]
        loss = functional.cross_entropy(logits.float(), tokens[asked], reduction="sum")
        sample_size = int(asked.sum())
        logged = {"masked": loss.detach(), "ntokens": sample["ntokens"], "nsentences": sample["nsentences"]}
        for name, weight in self.objectives.items():
            # fairseq divides what we return by the tokens that were asked for, on all ranks together.
            part = token_mean(*self._of_pairs(name, model, tokens), sample_size)
            loss = loss + weight * part
            logged[name] = part.detach()
        return loss, sample_size, {**logged, "loss": loss.detach(), "sample_size": sample_size}

    def _of_pairs(self, name: str, model: Any, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(sum, number) of an objective's losses over the joined pairs among `tokens`."""
        while isinstance(inside := getattr(model, "module", None), torch.nn.Module):
            model = inside
        if name == "recovery" and model.recovery_head is None:
            raise ConfigError("the objective recovery needs a model with --dual-recovery")
        dictionary = self.task.source_dictionary
        rows, source, target = parted(tokens, dictionary.bos(), dictionary.pad())
        if not len(rows):
            # Nothing to learn here, but DistributedDataParallel waits for every parameter's gradient.
            zero = sum((0.0 * p.sum() for p in model.parameters()), start=torch.zeros((), device=tokens.device))
            return zero, zero.detach()
        total, count = OBJECTIVES[name](model, Sides(source, target, self.masking.ordinary))
        return total, total.new_tensor(float(count))

    @classmethod
    def reduce_metrics(cls, logging_outputs: list[dict[str, Any]]) -> None:
        """`loss` in bits, as fairseq's own masked_lm logs it; the others in natural logarithms."""
        tokens = sum(log.get("sample_size", 0) for log in logging_outputs)
        for name in ("loss", "masked", *OBJECTIVES):
            found = [log[name] for log in logging_outputs if name in log]
            if found and name == "loss":
                metrics.log_scalar("loss", sum(found) / max(tokens, 1) / torch.tensor(2.0).log(), tokens, round=3)
            elif found and any(other in log for log in logging_outputs for other in OBJECTIVES):
                metrics.log_scalar(f"{name}_loss", float(sum(found)) / max(tokens, 1), tokens, round=4)
        metrics.log_derived("ppl", lambda meters: utils.get_perplexity(meters["loss"].avg))

    @staticmethod
    def logging_outputs_can_be_summed() -> bool:
        return True
