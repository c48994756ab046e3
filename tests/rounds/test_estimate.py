"""The estimate is arithmetic on the plan: counted here by hand."""

from __future__ import annotations

import pytest

from fairseq_xling.rounds.criss import plan_criss
from fairseq_xling.rounds.estimate import CPU_FLOPS, GPU_FLOPS, TOKENS_PER_SENTENCE, costs, counted


def test_counts_and_products(read) -> None:
    training = {"arch": "criss_tiny", "max_update": [10, 30], "args": "--max-tokens 100 --update-freq 2"}
    resources = {"train": {"gpus": 2, "nodes": 3, "minutes": 30}, "mine": {"cpus": 4, "minutes": 60}}
    config = counted(read(training=training, resources=resources))
    found = {cost.kind: cost for cost in costs(config, plan_criss(config))}
    assert [(kind, cost.stages) for kind, cost in found.items()] == [
        ("prepare", 1), ("encode", 6), ("mine", 9), ("assemble", 6), ("binarise", 2), ("train", 2), ("evaluate", 8),
    ]  # fmt: skip
    assert found["encode"].sentences == 2 * 3 * 4
    encoder, decoder = 12 * 3 * 128**2, 16 * 3 * 128**2
    assert found["encode"].flops == 2 * encoder * TOKENS_PER_SENTENCE * 24
    assert found["mine"].flops == 9 * 2 * 4 * 4 * 128
    assert found["mine"].hours == pytest.approx(found["mine"].flops / (4 * CPU_FLOPS) / 3600)
    assert found["mine"].cpu_hours_limit == 9 * 4
    assert found["train"].flops == 6 * (encoder + decoder) * 100 * 2 * (10 + 30) * 6
    assert found["train"].hours == pytest.approx(found["train"].flops / (6 * GPU_FLOPS) / 3600)
    assert found["train"].gpu_hours_limit == 2 * 3 * 2 * 0.5


def test_a_shared_search_costs_what_one_in_one_stage_does(read) -> None:
    whole, shared = (
        {cost.kind: cost for cost in costs(config, plan_criss(config))}
        for config in (counted(read(mining={"tiles": tiles})) for tiles in (1, 3))
    )
    rounds, pairs = 2, 3  # of the model's mining; the surface's is never shared
    assert shared["tiles"].stages == 3 * rounds * pairs
    assert shared["tiles"].flops + shared["mine"].flops == whole["mine"].flops


def test_sentences_stand_for_texts_that_are_not_there(read) -> None:
    config = counted(read("planned", languages={"aa": {"sentences": 50}, "bb": {"mono": "mono.bb", "sentences": 9}}))
    assert [language.sentences for language in config.languages.values()] == [50, 4]
