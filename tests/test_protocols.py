from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from fairseq_xling.protocols import Scorer, SentenceEncoder


class Lengths:
    """An encoder by the letter of the protocol: one number, the length of the line."""

    dim = 1
    signature = "encoder:lengths"

    def encode(self, lines: Sequence[str], language: str | None = None) -> npt.NDArray[np.float32]:
        return np.array([[len(line)] for line in lines], np.float32)


class Overlap:
    signature = "scorer:overlap"

    def score(self, prompts: Sequence[str], targets: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.array([len(set(p) & set(t)) for p, t in zip(prompts, targets, strict=True)], np.float32)


def test_anything_of_the_right_shape_is_an_encoder_or_a_scorer() -> None:
    assert isinstance(Lengths(), SentenceEncoder)
    assert isinstance(Overlap(), Scorer)


@pytest.mark.parametrize("lacking", ["dim", "signature", "encode"])
def test_an_encoder_without_a_part_is_none(lacking: str) -> None:
    parts = {name: value for name, value in vars(Lengths).items() if name != lacking}
    assert not isinstance(type("Partial", (), parts)(), SentenceEncoder)


def test_an_encoder_is_no_scorer() -> None:
    assert not isinstance(Lengths(), Scorer)
    assert not isinstance(Overlap(), SentenceEncoder)
