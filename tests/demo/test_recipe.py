"""The demo's recipe is a configuration that `iterate` accepts, and no test set feeds its training."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairseq_xling.cli.iterate import sections
from fairseq_xling.demo.recipe import recipe
from fairseq_xling.demo.world import CODES, WorldConfig, write_world
from fairseq_xling.rounds.config import read_rounds
from fairseq_xling.rounds.criss import plan_criss
from fairseq_xling.rounds.stages import File


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    write_world(folder, WorldConfig.quick(3))
    return folder


@pytest.mark.parametrize("quick", [True, False])
def test_recipe_is_a_run_of_three_rounds_between_all_languages(world: Path, quick: bool) -> None:
    config = read_rounds(recipe(WorldConfig(seed=3), quick), world, sections())
    assert tuple(config.languages) == CODES
    assert len(config.pairs) == len(CODES) * (len(CODES) - 1) // 2
    assert (config.rounds, config.seed) == (3, 3)
    # The house's promise: the miner is the model in every round, never the spelling.
    assert config.start.miner == "model"
    assert config.start.pretrain is not None


def test_ids_dev_and_test_are_read_by_evaluation_only(world: Path) -> None:
    plan = plan_criss(read_rounds(recipe(WorldConfig(seed=3)), world, sections()))
    kinds = {
        stage.kind
        for stage in plan
        for source in stage.inputs.values()
        if isinstance(source, File) and not (source.path.name.startswith("mono.") and source.path.suffix != ".ids")
    }
    assert kinds == {"evaluate"}
