"""Progressive stacking as a plan: depths, who starts from whom, what is scored, what a change costs; its faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fairseq_xling.cli.iterate import sections
from fairseq_xling.errors import ConfigError
from fairseq_xling.rounds.config import RoundsConfig, read_rounds
from fairseq_xling.rounds.criss import plan_criss
from fairseq_xling.rounds.estimate import TOKENS_PER_SENTENCE, costs, counted
from fairseq_xling.rounds.stacking import plan_of
from fairseq_xling.rounds.stages import File, Product

LOOP = {"start": None, "rounds": None, "training": None}


@pytest.fixture
def stack(read, tmp_path: Path) -> Any:
    """A configuration of three stages with the options given."""
    for name in ("p.aa", "p.cc"):
        (tmp_path / name).write_text("one\ntwo\n")

    def stack_with(also: dict[str, Any] | None = None, **options: Any) -> RoundsConfig:
        given = {"arch": "dual_encoder_tiny", "layers": [1, 2, 4], "max_update": [5, 6], "bitext": BITEXT}
        found: RoundsConfig = read(**{**LOOP, **(also or {})}, stacking=given | options)
        return found

    return stack_with


BITEXT = {"cc-aa": ["p.cc", "p.aa"]}


def test_each_stage_is_stacked_on_the_one_before(stack) -> None:
    plan = plan_of(stack(align={"max_update": 7}))
    names = [stage.name for stage in plan if stage.kind != "evaluate"]
    assert names == ["prepare", "round-01/pretrain", "round-02/pretrain", "round-03/pretrain", "round-04/align"]
    depths, updates, starts = [], [], []
    for name in names[1:]:
        stage = plan.by_name[name]
        words = stage.commands[0].words
        depths.append(words[words.index("--encoder-layers") + 1])
        updates.append(words[words.index("--max-update") + 1])
        starts.append((stage.needs, "--finetune-from-model" in words, "--dual-stack" in words))
        assert words[words.index("--dual-pairs") + 1] == "cc-aa"  # as it is written
    assert depths == ["1", "2", "4", "4"]
    assert updates == ["5", "6", "6", "7"]
    assert starts == [
        (["prepare"], False, False),
        (["prepare", "round-01/pretrain"], True, True),
        (["prepare", "round-02/pretrain"], True, True),
        (["prepare", "round-03/pretrain"], True, False),
    ]


def test_bitext_goes_into_the_data_and_test_sets_do_not(stack, tmp_path: Path) -> None:
    plan = plan_of(stack())
    inputs = plan.by_name["prepare"].inputs
    assert inputs["cc-aa.source"] == File(tmp_path / "p.cc")
    assert inputs["cc-aa.target"] == File(tmp_path / "p.aa")
    words = plan.by_name["prepare"].commands[0].words
    assert words[words.index("--bitext") + 1 :][:3] == ("cc-aa", "{cc-aa.source}", "{cc-aa.target}")
    read_by = {stage.kind for stage in plan for source in stage.inputs.values()
               if isinstance(source, File) and source.path.name.startswith(("test", "ids"))}  # fmt: skip
    assert read_by == {"evaluate"}


def test_every_stage_is_scored_and_the_last_one_mines_where_it_is_asked(stack) -> None:
    kinds = plan_of(stack(align={})).kinds
    assert (kinds["pretrain"], kinds["align"], kinds["mine"], kinds["evaluate"]) == (3, 1, 0, 4 + 1)  # and spelling
    plan = plan_of(stack(align={}, mine=True))
    assert plan.by_name["round-04/encode/aa"].needs == ["round-04/align"]
    assert plan.by_name["round-04/mine/aa-bb"].needs == ["round-04/encode/aa", "round-04/encode/bb"]
    assert "round-04/evaluate/pairs" in plan.by_name
    assert not [stage for stage in plan if "translation" in stage.name]
    without = plan_of(stack(mine=True))
    assert without.by_name["round-03/encode/aa"].needs == ["round-03/pretrain"]


def test_a_changed_stage_changes_itself_and_no_command_before_it(stack) -> None:
    one, two = plan_of(stack(align={})), plan_of(stack(align={}, max_update=[5, 6, 9]))
    changed = {stage.name for stage in one if stage.decisive != two.by_name[stage.name].decisive}
    assert changed == {"round-03/pretrain"}


def test_costs_follow_the_depth(stack) -> None:
    config = counted(stack(align={"max_update": 7, "args": "--batch-size 10"}))
    found = {cost.kind: cost for cost in costs(config, plan_of(config))}
    layer = 12 * 128**2
    assert found["pretrain"].flops == 6 * layer * 4000 * (1 * 5 + 2 * 6 + 4 * 6)
    assert found["align"].flops == 6 * 4 * layer * 10 * 2 * TOKENS_PER_SENTENCE * 7


def test_what_is_kept_reads_back_as_the_same(stack, tmp_path: Path) -> None:
    config = stack(align={}, also={"pairs": ["aa-cc"]})
    again = read_rounds(config.values, Path("/elsewhere"), sections())
    assert again.values == config.values
    assert again.bitext == {"cc-aa": (tmp_path / "p.cc", tmp_path / "p.aa")}
    assert plan_of(again).records() == plan_of(config).records()
    assert tmp_path / "p.cc" in config.files


def test_without_the_section_it_is_the_loop(read) -> None:
    config = read()
    assert plan_of(config).records() == plan_criss(config).records()


def test_all_faults_at_once(stack) -> None:
    with pytest.raises(ConfigError) as caught:
        stack(also={"rounds": 2, "start": "surface"}, layers=[2, 3], arch="criss_tiny", bitext={}, max_update=0)
    said = "; ".join(caught.value.faults)
    for part in (
        "`rounds`, `start` belong to CRISS's loop, not to `stacking`", "`arch` must be dual_encoder_base",
        "`layers` must each be a multiple of the one before, but are [2, 3]",
        "`bitext` is missing", "`max_update` must",
    ):  # fmt: skip
        assert part in said
    with pytest.raises(ConfigError, match=r"none does not exist.*|.*unknown language.*"):
        stack(bitext={"cc-xx": ["none", "p.aa"]})
    stack(also={"absent": "planned"}, bitext={"cc-aa": ["none", "p.aa"]})  # a dry run does without
    with pytest.raises(ConfigError, match="none does not exist"):
        stack(bitext={"cc-aa": ["none", "p.aa"]})
    with pytest.raises(ConfigError, match=r"must be \[SOURCE, TARGET\], two files"):
        stack(bitext={"cc-aa": ["p.cc"]})


def test_the_loop_on_a_dual_encoder(read) -> None:
    """CRISS's loop, whose trainings rank the mined pairs; nothing is translated."""
    start = {"pretrain": {"max_update": 3}, "miner": "surface"}
    plan = plan_criss(read(start=start, training={"arch": "dual_encoder_tiny"}))
    words = plan.by_name["round-01/train"].commands[0].words
    assert words[words.index("--task") + 1] == "dual_alignment"
    assert words[words.index("--dual-pairs") + 1] == "found"
    assert plan.by_name["round-01/train"].inputs["model"] == Product("pretrain")
    words = plan.by_name["pretrain"].commands[0].words
    assert words[words.index("--task") + 1] == "masked_pairs"
    assert not [stage for stage in plan if "translation" in stage.name]
    assert "round-02/evaluate/retrieval-test" in plan.by_name
    with pytest.raises(ConfigError, match="`source_token` is of the criss architectures"):
        read(training={"arch": "dual_encoder_tiny", "source_token": "suffix"})
