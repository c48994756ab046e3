"""The criterion `rtl`: translation ranking and representation translation learning (DAP, arXiv 2305.09148)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import torch
from fairseq.criterions import register_criterion
from torch import Tensor

from fairseq_xling.criterions.translation_ranking import TranslationRankingConfig, TranslationRankingCriterion
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import read_lines
from fairseq_xling.nn.pair_batch import REBUILT, PairBatch, PairLosses, rebuilding_loss, rebuilds_target


@dataclass
class RtlConfig(TranslationRankingConfig):
    """What is rebuilt, from what."""

    rtl_weight: float = field(default=1.0, metadata={"help": "weight of RTL (DAP's paper: 1; its code: 0.1)"})
    rtl_direction: str = field(
        default="target", metadata={"help": "the side that is rebuilt: target, source, or both (half of a batch each)"}
    )
    rtl_ratio: float = field(
        default=1.0, metadata={"help": "share of the side that is rebuilt; the rest is given (DAP: 1)"}
    )
    rtl_hide: float = field(default=0.0, metadata={"help": "share of the given side that the head does not see"})
    rtl_vocabulary: Optional[str] = field(
        default=None, metadata={"help": "file of tokens, one a line, that the softmax is restricted to"}
    )


@register_criterion("rtl", dataclass=RtlConfig)
class RtlCriterion(TranslationRankingCriterion):
    """Ranking + weight · the mean cross-entropy of the rebuilt tokens (+ TLM)."""

    PARTS = ("ranking", "tlm", "rtl")

    def __init__(self, cfg: RtlConfig, task: Any) -> None:
        super().__init__(cfg, task)
        faults = [] if cfg.rtl_direction in REBUILT else [
            f"--rtl-direction must be one of {', '.join(REBUILT)}, but is {cfg.rtl_direction!r}"
        ]  # fmt: skip
        if not 0 < cfg.rtl_ratio <= 1:
            faults.append(f"--rtl-ratio must be above 0 and at most 1, but is {cfg.rtl_ratio}")
        if not 0 <= cfg.rtl_hide < 1:
            faults.append(f"--rtl-hide must be at least 0 and below 1, but is {cfg.rtl_hide}")
        if faults:
            raise ConfigError(faults)
        vocabulary = restricted_vocabulary(cfg.rtl_vocabulary, task.target_dictionary)
        self.register_buffer("vocabulary", vocabulary, persistent=False)

    def batch(self, model: Any, source: Tensor, sample: Any) -> PairBatch:
        inside = model
        while isinstance(wrapped := getattr(inside, "module", None), torch.nn.Module):
            inside = wrapped  # what fairseq and torch wrap around a model to train it in several processes
        if getattr(inside, "rtl_head", None) is None:
            raise ConfigError("--criterion rtl needs a model with an RTL head: --arch dual_encoder_base --rtl-layers 2")
        batch = super().batch(model, source, sample)
        room, length = inside.rtl_head.embeddings.positions.num_embeddings, source.size(1) + batch.target.size(1)
        if length > room:
            raise ConfigError(
                f"source and target have {length} tokens together, but the RTL head has {room} positions. Say "
                f"--dual-longest {room // 2}"
            )
        generator = self.generator(model, source)
        shape = len(source), max(source.size(1), batch.target.size(1))
        batch.forward = rebuilds_target(len(source), self.cfg.rtl_direction, source.device)
        batch.languages = sample["languages"][:, 0]
        batch.vocabulary = self.vocabulary
        if self.cfg.rtl_ratio < 1:
            batch.slots = torch.rand(shape, device=source.device, generator=generator) < self.cfg.rtl_ratio
        if self.cfg.rtl_hide and model.training:
            batch.hidden = torch.rand(shape, device=source.device, generator=generator) < self.cfg.rtl_hide
        return batch

    def parts(self, losses: PairLosses, batch: PairBatch, pairs: int) -> dict[str, Tensor]:
        rtl = rebuilding_loss(losses, batch.forward[:pairs], self.cfg.rtl_direction)
        return {**super().parts(losses, batch, pairs), "rtl": rtl}

    def weights(self) -> dict[str, float]:
        return {**super().weights(), "rtl": self.cfg.rtl_weight}


def restricted_vocabulary(path: Optional[str], dictionary: Any) -> Optional[Tensor]:
    """Sorted ids of the tokens that a file lists, and of `</s>`, which every sentence has; None without a file."""
    if path is None:
        return None
    if not Path(path).is_file():
        raise ConfigError(f"--rtl-vocabulary {path} does not exist. Check the path.")
    tokens = [line for line in read_lines(path) if line]
    unknown = [token for token in tokens if token not in dictionary]
    if unknown:
        raise CorpusError(f"{path}: {len(unknown)} tokens are not in the dictionary, the first is `{unknown[0]}`.")
    return torch.tensor(sorted({dictionary.eos(), *(dictionary.index(token) for token in tokens)}))
