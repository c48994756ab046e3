"""The optimizer `fused_adam`: fairseq's Adam in one pass over memory, by torch's fused AdamW, on CPUs and GPUs."""

import math
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
    """The same update: eps is set each time for where torch adds it, after the second moment's bias is corrected."""

    def __init__(self, cfg: FusedAdamConfig, params: Any) -> None:
        FairseqOptimizer.__init__(self, cfg)
        if cfg.fp16_adam_stats or cfg.tpu:
            raise ConfigError("--optimizer fused_adam has neither --fp16-adam-stats nor --tpu. Say --optimizer adam")
        self._updates: int | None = None  # made so far; None: as the state says
        self._optimizer = torch.optim.AdamW(params, fused=True, **self.optimizer_config)

    def load_state_dict(self, state_dict: dict[str, Any], optimizer_overrides: dict[str, Any] | None = None) -> None:
        super().load_state_dict(state_dict, optimizer_overrides)
        self._updates = None

    def step(self, closure: Any = None, scale: float = 1.0, groups: Any = None) -> None:
        if self._updates is None:
            self._updates = max((int(state["step"]) for state in self._optimizer.state.values()), default=0)
        self._updates += 1
        for group in self._optimizer.param_groups:
            group["eps"] = self.cfg.adam_eps / math.sqrt(1 - group["betas"][1] ** self._updates)
        super().step(closure, scale, groups)
