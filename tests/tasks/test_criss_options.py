"""The options as fairseq's two configuration systems read them."""

from __future__ import annotations

import argparse
from dataclasses import fields

from fairseq.dataclass.utils import gen_parser_from_dataclass

from fairseq_xling.tasks._criss_options import CrissTaskConfig

# fairseq's own names, which every translation task has, and what is filled in from other parts of a configuration.
SHARED = {"data", "source_lang", "target_lang", "max_source_positions", "max_target_positions"}
FILLED = {"train_subset", "valid_subset", "dataset_impl", "required_seq_len_multiple", "seed"}
FILLED |= {"save_dir", "restore_file", "finetune_from_model"}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    gen_parser_from_dataclass(made, CrissTaskConfig())
    return made


def test_options_carry_their_owner() -> None:
    """Options of equal names in two dataclasses would share one flag."""
    own = {f.name for f in fields(CrissTaskConfig)} - SHARED - FILLED - {"_name"}
    assert own
    assert all(name.startswith("criss_") for name in own)


def test_every_option_is_explained() -> None:
    for field in fields(CrissTaskConfig):
        if field.name not in FILLED | {"_name"}:
            assert field.metadata["help"], field.name


def test_core_options_are_not_declared_again() -> None:
    flags = {flag for action in parser()._actions for flag in action.option_strings}
    assert "--criss-langs" in flags
    assert not flags & {"--seed", "--save-dir", "--train-subset", "--dataset-impl"}


def test_lists_come_through_whole() -> None:
    """A `List[str]` would be split into letters."""
    found = parser().parse_args(["DATA", "--criss-langs", "en_XX,ro_RO", "-s", "en_XX", "--criss-eval-bleu"])
    assert (found.criss_langs, found.source_lang, found.criss_eval_bleu) == ("en_XX,ro_RO", "en_XX", True)
    assert (found.criss_source_token, found.criss_temperature, found.criss_pairs) == ("none", 1.0, None)
