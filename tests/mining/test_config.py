"""Defaults, rules and signature of mining."""

from __future__ import annotations

import pytest

from fairseq_xling.configs import read_config
from fairseq_xling.errors import ConfigError
from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.signatures import parse_signature


@pytest.mark.parametrize(
    ("given", "threshold"),
    [
        ({}, 1.06),
        ({"margin": "distance"}, 0),
        ({"margin": "absolute"}, 0),
        ({"compat": "laser"}, 0),
        ({"compat": "laser", "threshold": 1.04}, 1.04),
        ({"threshold": 0}, 0),
    ],
)
def test_effective_threshold(given, threshold):
    assert read_config(MiningConfig, given, "test").effective_threshold == threshold


def test_all_faults_at_once():
    with pytest.raises(ConfigError) as caught:
        read_config(
            MiningConfig,
            {"mining_k": 0, "max_margin": 1.0, "min_count": 5, "max_count": 2, "target_precision": 2, "threads": 0},
            "options",
        )
    assert len(caught.value.faults) == 5


def test_signature_names_what_decides_and_nothing_else():
    one, other = MiningConfig(threads=1, precision="fp32"), MiningConfig(threads=2, precision="bf16")
    assert one.signature == other.signature
    fields = parse_signature(MiningConfig(suggested_cap=True).signature)
    assert fields["suggested-cap"] == "p0.9"
    assert fields["threshold"] == "1.06"


def test_an_approximate_index_never_has_the_signature_of_an_exact_one():
    exact, likely, flat = (MiningConfig(index=index).signature for index in ("exact", "likely:0.95", "Flat"))
    assert exact == MiningConfig().signature
    assert "index" not in parse_signature(exact)
    assert parse_signature(likely)["index"] == "likely:0.95"
    assert parse_signature(flat)["index"] == "Flat"
