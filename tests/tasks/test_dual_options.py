"""The options as fairseq reads them: text, one owner each."""

from __future__ import annotations

import dataclasses

import pytest

from fairseq_xling.tasks._criss_options import CrissTaskConfig
from fairseq_xling.tasks._dual_options import DualAlignmentConfig, DualTaskConfig, MaskedPairsConfig

CORE = {"_name", "data", "train_subset", "valid_subset", "dataset_impl", "seed"}


@pytest.mark.parametrize("kind", [DualTaskConfig, DualAlignmentConfig, MaskedPairsConfig])
def test_options_carry_their_owner(kind: type) -> None:
    names = {field.name for field in dataclasses.fields(kind)}
    assert all(name.startswith(("dual_", "masked_")) for name in names - CORE)
    # A string as type is a postponed annotation, out of which fairseq makes nothing.
    assert all(not isinstance(field.type, str) for field in dataclasses.fields(kind))
    assert names & {field.name for field in dataclasses.fields(CrissTaskConfig)} <= CORE


@pytest.mark.parametrize("kind", [DualAlignmentConfig, MaskedPairsConfig])
def test_every_option_says_what_it_means(kind: type) -> None:
    own = [field for field in dataclasses.fields(kind) if field.name not in CORE]
    assert [field.name for field in own if not field.metadata.get("help")] == []
