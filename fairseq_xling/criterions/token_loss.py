"""fairseq's cross-entropy and label-smoothed cross-entropy, the same values, taken of the tokens that are there.

The task gives them to every model that can take its loss itself (`takes_targets`). They have fairseq's class names,
because a checkpoint says which criterion its optimizer belongs to.
"""

from typing import Any

import torch
from fairseq.criterions import FairseqCriterion, cross_entropy, label_smoothed_cross_entropy
from torch import Tensor, nn


class LabelSmoothedCrossEntropyCriterion(label_smoothed_cross_entropy.LabelSmoothedCrossEntropyCriterion):
    """fairseq's loss and nll."""

    def forward(self, model: nn.Module, sample: dict[str, Any], reduce: bool = True) -> Any:
        if not (reduce and may_take_targets(model)):
            return super().forward(model, sample, reduce)
        loss, nll = model(**sample["net_input"], targets=sample["target"], smoothing=self.eps)
        return _logged(loss, sample, self.sentence_avg, {"loss": loss.data, "nll_loss": nll.data})


class CrossEntropyCriterion(cross_entropy.CrossEntropyCriterion):
    """fairseq's loss."""

    def forward(self, model: nn.Module, sample: dict[str, Any], reduce: bool = True) -> Any:
        if not (reduce and may_take_targets(model)):
            return super().forward(model, sample, reduce)
        loss, _ = model(**sample["net_input"], targets=sample["target"])
        return _logged(loss, sample, self.sentence_avg, {"loss": loss.data})


def _logged(loss: Tensor, sample: dict[str, Any], sentence_avg: bool, sums: dict[str, Tensor]) -> Any:
    """What a criterion returns."""
    sentences = sample["target"].size(0)
    size = sentences if sentence_avg else sample["ntokens"]
    return loss, size, {**sums, "ntokens": sample["ntokens"], "nsentences": sentences, "sample_size": size}


def may_take_targets(model: nn.Module) -> bool:
    """Not under autocast, and not in fp16: gradients of single scores vanish there before they are scaled up."""
    mixed = torch.is_autocast_enabled("cuda") or torch.is_autocast_enabled("cpu")
    return not mixed and bool(getattr(model, "takes_targets", False))


def of_tokens(criterion: FairseqCriterion) -> FairseqCriterion:
    """fairseq's two criterions as those above; any other, and what they are told to do beside, as it is."""
    kind = type(criterion)
    if kind is cross_entropy.CrossEntropyCriterion:
        return CrossEntropyCriterion(criterion.task, criterion.sentence_avg)
    smoothed = kind is label_smoothed_cross_entropy.LabelSmoothedCrossEntropyCriterion
    if smoothed and not (criterion.report_accuracy or criterion.ignore_prefix_size):
        return LabelSmoothedCrossEntropyCriterion(criterion.task, criterion.sentence_avg, criterion.eps)
    return criterion
