"""CRISS's loop as a plan: who reads what, what starts from what, how many stages there are."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from fairseq_xling.rounds.criss import plan_criss
from fairseq_xling.rounds.estimate import counted
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.stages import File, Product, Stage

START = {"pretrain": {"max_update": 3}}


def files_of(stage: Stage) -> set[str]:
    return {source.path.name for source in stage.inputs.values() if isinstance(source, File)}


def needs(plan: Plan, name: str) -> set[str]:
    """All stages that a stage waits for, directly or not."""
    direct = plan.by_name[name].needs
    return set(direct).union(*(needs(plan, other) for other in direct))


@pytest.mark.parametrize("start", ["surface", START])
def test_only_evaluation_reads_ids_dev_and_test(read, start: Any) -> None:
    plan = plan_criss(read(start=start, evaluation={"splits": ["dev", "test"]}))
    held_out = {f"{role}.{code}" for role in ("ids", "dev", "test") for code in ("aa", "bb", "cc")}
    reading = [stage for stage in plan if files_of(stage) & held_out]
    assert reading
    assert {stage.kind for stage in reading} == {"evaluate"}
    assert set().union(*map(files_of, reading)) >= held_out
    evaluating = {stage.name for stage in plan if stage.kind == "evaluate"}
    assert not any(evaluating.intersection(stage.needs) for stage in plan)
    assert all(name.split(".")[0] == "mono" for name in files_of(plan.by_name["prepare"]))


def test_without_them_everything_else_is_the_same(read, values) -> None:
    bare = {code: {"mono": files["mono"]} for code, files in values["languages"].items()}
    full, less = plan_criss(read(start=START)), plan_criss(read(start=START, languages=bare))
    assert [stage for stage in full if stage.kind != "evaluate"] == list(less)


def test_every_training_starts_from_the_original(read) -> None:
    plan = plan_criss(read(start=START, rounds=3))
    trainings = [stage for stage in plan if stage.kind == "train"]
    assert [stage.name for stage in trainings] == [f"round-{number:02d}/train" for number in (1, 2, 3)]
    for number, stage in enumerate(trainings, start=1):
        assert stage.inputs == {"model": Product("pretrain"), "pairs": Product(f"round-{number:02d}/binarise")}
        assert "--finetune-from-model" in stage.commands[0].words
    assert len({stage.decisive["commands"].__repr__() for stage in trainings}) == 1


def test_from_the_surface_every_round_starts_from_the_same_random_weights(read) -> None:
    plan = plan_criss(read())
    assert not any("--finetune-from-model" in command.words for stage in plan for command in stage.commands)
    assert not [stage for stage in plan if stage.name.startswith("round-00/encode")]
    assert "surface" in plan.by_name["round-00/mine/aa-bb"].commands[0].words


def test_a_round_uses_its_own_model_and_the_pairs_of_the_round_before(read) -> None:
    plan = plan_criss(read(start=START))
    assert plan.by_name["round-00/encode/aa"].needs == ["pretrain"]
    assert plan.by_name["round-02/encode/aa"].needs == ["round-02/train"]
    assert plan.by_name["round-02/mine/aa-bb"].needs == ["round-02/encode/aa", "round-02/encode/bb"]
    assert plan.by_name["round-02/assemble/aa-bb"].needs == ["round-01/mine/aa-bb"]
    assert "round-01/mine/bb-cc" in needs(plan, "round-02/train")
    assert plan.by_name["round-02/evaluate/translation-test"].needs == ["round-02/train"]


def test_a_changed_cap_changes_that_round_and_what_follows(read) -> None:
    one, two = (plan_criss(read(start=START, mining={"max_count": caps})) for caps in ([10, 20], [10, 30]))
    changed = {stage.name for stage in one if stage.decisive != two.by_name[stage.name].decisive}
    pairs = ["-".join(pair) for pair in itertools.combinations(["aa", "bb", "cc"], 2)]
    assert changed == {f"round-{number:02d}/mine/{pair}" for number in (1, 2) for pair in pairs}


def test_per_pair(read) -> None:
    mining = {"threshold": 1.0, "max_count": [5, 6], "per_pair": {"cc-aa": {"threshold": 1.5, "max_count": 9}}}
    plan = plan_criss(read(mining=mining))
    words = plan.by_name["round-01/mine/aa-cc"].commands[0].words
    assert (words[words.index("--threshold") + 1], words[words.index("--max-count") + 1]) == ("1.5", "9")
    words = plan.by_name["round-01/mine/aa-bb"].commands[0].words
    assert (words[words.index("--threshold") + 1], words[words.index("--max-count") + 1]) == ("1", "6")


def test_a_search_shared_by_stages(read) -> None:
    one, other = (
        plan_criss(counted(read(start=START, mining={"tiles": 4, "k": 3, "threshold": threshold})))
        for threshold in (1.1, 1.2)
    )
    names = [f"round-01/tiles/aa-bb.{place}" for place in range(4)]
    assert [stage.name for stage in one if stage.name.startswith("round-01/tiles/aa-bb")] == names
    mine = one.by_name["round-01/mine/aa-bb"]
    assert mine.needs == ["round-01/encode/aa", "round-01/encode/bb", *names]
    assert [word for word in mine.commands[0].words if "{tile" in word] == [f"{{tile.{i}}}/tiles" for i in range(4)]
    tile = one.by_name[names[2]]
    assert tile.produces == ("tiles/tile-00002",)
    assert tile.kind == "tiles"
    assert tile.sizes == (2, 2)  # of 4 x 4 sentences
    assert tile.commands[1].words[:4] == ("fairseq-xling", "tiles", "run", "2")
    changed = {stage.kind for stage in one if stage.decisive != other.by_name[stage.name].decisive}
    assert changed == {"mine"}  # the search is the same


def test_of_the_surface_nothing_is_shared(read) -> None:
    plan = plan_criss(read(mining={"tiles": 4, "memory_limit": "2G"}))
    words = plan.by_name["round-00/mine/aa-bb"].commands[0].words
    assert "--memory-limit" not in words
    assert not [stage for stage in plan if stage.name.startswith("round-00/tiles")]
    assert plan.by_name["round-01/tiles/aa-bb.3"].commands[0].words[-2:] == ("--memory-limit", "2G")


def test_a_mining_that_was_cut_short_leaves_its_tiles(read) -> None:
    stage = plan_criss(read(start=START, mining={"memory_limit": "2G"})).by_name["round-01/mine/aa-bb"]
    assert stage.carried == ("pairs.tiles/*",)
    assert stage.commands[0].indifferent[-1:] == ("--resume",)


def test_languages_of_no_pair_are_prepared_and_evaluated_but_not_mined(read) -> None:
    plan = plan_criss(read(start=START, pairs=["aa-bb"]))
    assert "mono.cc" in plan.by_name["prepare"].inputs
    assert not [stage for stage in plan if stage.kind in ("mine", "encode", "assemble") and "cc" in stage.name]
    assert "test.cc" in plan.by_name["round-01/evaluate/retrieval-test"].inputs


def test_a_given_checkpoint_is_made_small_first(read, tmp_path) -> None:
    named = {role: f"mono.{code}" for role, code in zip(("checkpoint", "spm", "dict"), ("aa", "bb", "cc"), strict=True)}
    plan = plan_criss(read(start=named | {"languages": "xx,aa,bb,cc"}))
    assert list(plan.by_name)[0] == "start"
    assert not plan.kinds["prepare"]
    assert {stage.inputs["model"] for stage in plan if stage.kind == "train"} == {Product("start")}
    words = plan.by_name["round-01/train"].commands[0].words
    assert words[words.index("--criss-langs") + 1] == "xx,aa,bb,cc"


def test_only_trainings_without_noise_load_their_data_themselves(read) -> None:
    asked = {"pretrain": {"nodes": 2}, "train": {"nodes": 2}}
    plan = plan_criss(read(start=START, resources=asked))
    assert "--num-workers" not in plan.by_name["pretrain"].commands[0].rendered({})
    assert "--num-workers" in plan.by_name["round-01/train"].commands[0].rendered({})
    alone = plan_criss(read(start=START))
    assert "--num-workers" not in alone.by_name["round-01/train"].commands[0].rendered({})


def test_a_small_model_gets_one_processor_and_a_large_one_what_there_is(read) -> None:
    assert plan_criss(read()).by_name["round-01/train"].resources.cpus == 1
    large = plan_criss(read(training={"arch": "criss_large"}, resources={"encode": {"cpus": 3}}))
    assert large.by_name["round-01/train"].resources.cpus is None
    assert large.by_name["round-01/encode/aa"].resources.cpus == 3
