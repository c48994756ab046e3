"""The optimizer `fused_adam`: fairseq's Adam in one pass over memory, by torch's fused AdamW, on CPUs and GPUs."""

from dataclasses import dataclass
from typing import Any

import torch
from fairseq.optim import FairseqOptimizer, register_optimizer
from fairseq.optim.adam import FairseqAdam, FairseqAdamConfig

from fairseq_xling.errors import ConfigError


@dataclass
class FusedAdamConfig(FairseqAdamConfig):
    """The options of fairseq's adam: --adam-betas, --adam-eps, --weight-decay."""


@register_optimizer("fused_adam", dataclass=FusedAdamConfig)
class FusedAdam(FairseqAdam):
    """The same update but for where eps stands: torch adds it after the second moment's bias is corrected."""

    def __init__(self, cfg: FusedAdamConfig, params: Any) -> None:
        FairseqOptimizer.__init__(self, cfg)
        if cfg.fp16_adam_stats or cfg.tpu:
            raise ConfigError("--optimizer fused_adam has neither --fp16-adam-stats nor --tpu. Say --optimizer adam")
        self._optimizer = torch.optim.AdamW(params, fused=True, **self.optimizer_config)
