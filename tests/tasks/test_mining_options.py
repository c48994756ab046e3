"""Options of margin_mining as fairseq's parser sees them: its own and all of the task criss."""

from __future__ import annotations

import argparse
import dataclasses

from fairseq.dataclass.utils import gen_parser_from_dataclass

from fairseq_xling.tasks._criss_options import CrissTaskConfig
from fairseq_xling.tasks._mining_options import MarginMiningConfig


def flags(cls):
    parser = argparse.ArgumentParser()
    gen_parser_from_dataclass(parser, cls())
    return {flag for action in parser._actions for flag in action.option_strings}


def test_the_options_of_criss_and_two_more():
    # An option that points into another part of the configuration has its flag there.
    assert flags(MarginMiningConfig) == flags(CrissTaskConfig) | {"--mining-k", "--mining-margin"}


def test_every_own_option_is_described():
    own = {field.name: field for field in dataclasses.fields(MarginMiningConfig)}
    assert own["mining_k"].default == 4
    assert own["mining_margin"].default == "ratio"
    assert all(own[name].metadata["help"] for name in ("mining_k", "mining_margin"))
