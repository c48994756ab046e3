"""The two things a model can be to the rest of the house: a sentence encoder and a scorer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


@runtime_checkable
class SentenceEncoder(Protocol):
    """Sentences in, one vector each out; a checkpoint, a dual encoder and the surface encoder all are one."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def signature(self) -> str:
        """How the vectors are made; goes beside every number computed from them."""

    def encode(self, lines: Sequence[str], language: str | None = None) -> npt.NDArray[np.float32]:
        """`lines` [n] to vectors [n, dim] float32, row i for line i, not necessarily of unit length."""


@runtime_checkable
class Scorer(Protocol):
    """How likely a target text is given a prompt, by a language model."""

    @property
    def signature(self) -> str:
        """Which model, and how its token scores are averaged."""

    def score(self, prompts: Sequence[str], targets: Sequence[str]) -> npt.NDArray[np.float32]:
        """Mean log-probability per target token (end included), [n] float32, entry i for prompt i and target i."""
