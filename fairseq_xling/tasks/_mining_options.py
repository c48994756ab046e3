"""Options of the task `margin_mining`; no postponed annotations here, fairseq reads the types themselves."""

from dataclasses import dataclass, field
from typing import Optional

from omegaconf import II

from fairseq_xling.neighbours.margin import MARGINS
from fairseq_xling.tasks._criss_options import CrissTaskConfig


@dataclass
class MarginMiningConfig(CrissTaskConfig):
    """The task criss's options and those of mining."""

    mining_k: int = field(default=4, metadata={"help": "neighbours on each side, for candidates and margin's mean"})
    mining_margin: str = field(default="ratio", metadata={"help": f"one of {', '.join(MARGINS)}"})
    max_tokens: Optional[int] = II("dataset.max_tokens")
