"""What a person sees who makes a mistake: one line on stderr that says the way out, and exit code 2."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from references.criss_world import ADAM, LOSS, PLUGIN, QUIET, SMALL, World, binarise, done, make_world, run

pytestmark = pytest.mark.plugin

TRAIN = [*PLUGIN, *SMALL, *LOSS, *ADAM, *QUIET, "--max-tokens", "300", "--max-update", "2"]
LANGS = ["--criss-langs", "aa,bb,cc"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = make_world(tmp_path_factory.mktemp("world"), pairs=60)
    options = [*LANGS, "--criss-pairs", "aa-bb", "--criss-source-token", "suffix", "--disable-validation"]
    done(run("fairseq-train", made.binarised, *TRAIN, *options, "--save-dir", made.root / "save", cwd=made.root))
    return made


def refused(command: str, *arguments: str | Path, cwd: Path) -> str:
    """The one line of a command that fails as it should."""
    finished = run(command, *arguments, cwd=cwd)
    assert finished.returncode == 2, finished.stdout[-2000:] + finished.stderr[-2000:]
    assert "Traceback" not in finished.stdout + finished.stderr
    (line,) = [line for line in finished.stderr.splitlines() if "error" in line.lower()]
    assert line.startswith("fairseq-xling: error: ")
    return line


def train(world: World, *options: str | Path, data: Path | str | None = None) -> str:
    folder = world.root / "never"
    line = refused("fairseq-train", data or world.binarised, *TRAIN, *options, "--save-dir", folder, cwd=world.root)
    assert not list(folder.glob("*.pt"))
    return line


def generate(world: World, *options: str | Path) -> str:
    path = ["--path", world.root / "save" / "checkpoint_last.pt", "--cpu"]
    return refused("fairseq-generate", world.binarised, *PLUGIN, *path, *options, cwd=world.root)


def test_unknown_pair(world: World) -> None:
    line = train(world, *LANGS, "--criss-pairs", "aa-bb,aa-dd")
    assert "unknown language `dd`" in line
    assert "in pair `aa-dd`" in line


def test_finetuning_with_another_dictionary(world: World) -> None:
    """Said from inside fairseq's trainer, which replaces every exception by its own."""
    start = world.root / "save" / "checkpoint_last.pt"
    line = train(world, "--criss-langs", "aa,bb", "--criss-pairs", "aa-bb", "--finetune-from-model", start)
    assert "205 rows of embeddings, but the dictionary has 204 symbols" in line
    assert "--criss-langs" in line


def test_finetuning_with_languages_in_another_order(world: World) -> None:
    start = world.root / "save" / "checkpoint_last.pt"
    line = train(world, "--criss-langs", "bb,aa,cc", "--criss-pairs", "aa-bb", "--finetune-from-model", start)
    assert "Give --criss-langs aa,bb,cc" in line


def test_missing_shard(world: World, tmp_path: Path) -> None:
    line = train(world, *LANGS, "--criss-pairs", "all", data=f"{world.binarised}:{tmp_path}/gone")
    assert f"{tmp_path}/gone does not exist" in line


def test_missing_pair(world: World, tmp_path: Path) -> None:
    data = shutil.copytree(world.binarised, tmp_path / "bin")
    (data / "train.bb-cc.cc.idx").unlink()
    line = train(world, *LANGS, "--criss-pairs", "all", data=data)
    assert "has no train data for bb-cc" in line


def test_empty_file(world: World, tmp_path: Path) -> None:
    data = shutil.copytree(world.binarised, tmp_path / "bin")
    for language in ("aa", "bb"):
        binarise(world, f"valid.aa-bb.{language}", [], language, data)
    assert "valid.aa-bb.aa has no sentences" in train(world, *LANGS, "--criss-pairs", "aa-bb", data=data)


def test_too_long(world: World) -> None:
    line = generate(
        world, *LANGS, "--criss-source-token", "suffix", "-s", "aa", "-t", "bb", "--max-source-positions", "4"
    )
    assert "sentences are too long" in line
    assert "--skip-invalid-size-inputs-valid-test" in line


def test_wrong_token_style(world: World) -> None:
    line = generate(world, *LANGS, "-s", "aa", "-t", "bb")
    assert "trained with --criss-source-token suffix, but none is asked for" in line


def test_another_dictionary(world: World) -> None:
    line = generate(world, "--criss-langs", "aa,bb", "--criss-source-token", "suffix", "-s", "aa", "-t", "bb")
    assert "Give --criss-langs aa,bb,cc" in line


def test_in_several_processes(world: World, tmp_path: Path) -> None:
    """The processes that fairseq starts speak for themselves; the command adds nothing and ends with the same code."""
    finished = run(
        "fairseq-train", world.binarised, *TRAIN, *LANGS, "--criss-pairs", "aa-dd", "--save-dir", tmp_path,
        "--distributed-world-size", "2", cwd=world.root,
    )  # fmt: skip
    assert finished.returncode == 2
    assert "unknown language `dd`" in finished.stderr
    assert "Traceback" not in finished.stderr
