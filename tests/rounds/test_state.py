"""The run directory: what counts as finished, as damaged, as the same work; and who wins a race."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from references.stub_rounds import drive, small_plan

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import Manifest
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.stages import File, Product
from fairseq_xling.rounds.state import STAGE_FILE, Damage, RunDirectory, content_hash, file_hashes, slug, stage_of


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "text").write_text("one\ntwo\n")
    return small_plan(tmp_path / "text")


@pytest.fixture
def run(tmp_path: Path, plan: Plan) -> RunDirectory:
    drive(tmp_path / "R", plan)
    return RunDirectory(tmp_path / "R")


def damages(run: RunDirectory, plan: Plan) -> list[Damage]:
    return RunDirectory(run.root).damages(stage.name for stage in plan)


def test_finished(run: RunDirectory, plan: Plan) -> None:
    assert damages(run, plan) == []
    stage = plan.by_name["round-01/join"]
    key = stage.key(list(run.input_hashes(stage).values()))
    assert run.is_finished(stage, key)
    assert not run.is_finished(stage, "another")
    manifest = run.manifest(stage.name)
    assert manifest.key == key
    published = file_hashes(run.place(stage.name))
    del published[STAGE_FILE]
    assert manifest.outputs == published
    assert run.manifest("round-09/none") is None


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (lambda folder: (folder / "product.txt").write_text("x"), "product.txt is not what was written"),
        (lambda folder: os.truncate(folder / "product.txt", 1), "product.txt is not what was written"),
        (lambda folder: (folder / "product.txt").unlink(), "product.txt is missing"),
        (lambda folder: (folder / STAGE_FILE).write_text("{"), "stage.json cannot be read"),
        (lambda folder: (folder / STAGE_FILE).write_text("[1]"), "stage.json cannot be read"),
        (lambda folder: (folder / STAGE_FILE).unlink(), "it has no stage.json"),
    ],
)
def test_damage_is_found(run: RunDirectory, plan: Plan, harm, what: str) -> None:
    harm(run.place("round-00/twice"))
    (found,) = damages(run, plan)
    assert found.stage == "round-00/twice"
    assert what in found.what


def test_content_leaves_out_what_holds_times() -> None:
    outputs = {"model.pt": "1", "train.log": "2", "vectors/manifest.json": "3"}
    assert content_hash(outputs) == content_hash(outputs | {"train.log": "4", "vectors/manifest.json": "5"})
    assert content_hash(outputs) != content_hash(outputs | {"model.pt": "6"})
    assert content_hash({"a": "1", "b": "2"}) == content_hash({"b": "2", "a": "1"})


def test_key_follows_content_not_place(run: RunDirectory, plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "name").write_text("one\ntwo\n")
    for stage, moved in zip(plan, small_plan(tmp_path / "other" / "name"), strict=True):
        assert list(run.input_hashes(stage).values()) == list(run.input_hashes(moved).values())
    (tmp_path / "other" / "name").write_text("one\ntwo!\n")
    first = small_plan(tmp_path / "other" / "name").stages[0]
    assert run.input_hashes(first) != run.input_hashes(plan.stages[0])


def test_a_file_is_read_again_only_when_it_changed(run: RunDirectory, tmp_path: Path) -> None:
    text = tmp_path / "text"
    known = run.file_hash(text)
    memory = json.loads((run.root / ".hashes.json").read_text())
    memory[str(text)][3] = "remembered"
    (run.root / ".hashes.json").write_text(json.dumps(memory))
    assert RunDirectory(run.root).file_hash(text) == "remembered"
    os.utime(text, (1, 1))
    assert RunDirectory(run.root).file_hash(text) == known
    (run.root / ".hashes.json").write_text("{")
    assert RunDirectory(run.root).file_hash(text) == known


def test_an_input_that_is_not_there(run: RunDirectory, plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "text").unlink()
    with pytest.raises((OSError, CorpusError)):
        run.input_hashes(plan.stages[0])
    run.retire("round-00/twice")
    with pytest.raises(RuntimeError, match="round-00/twice is not finished"):
        run.input_hashes(plan.by_name["round-01/join"])


def test_of_two_generations_the_first_publishes(run: RunDirectory, plan: Plan) -> None:
    stage = plan.by_name["round-00/lines"]
    run.retire(stage.name)
    made = []
    for text in ("first", "second"):
        out = run.new_attempt(stage.name, "attempt")
        (out / "product.txt").write_text(text)
        manifest = Manifest("mine", stage.decisive, {"text": "x"}, file_hashes(out))
        made.append(run.publish(stage, out, manifest))
    assert made == [True, False]
    assert (run.place(stage.name) / "product.txt").read_text() == "first"
    assert damages(run, plan) == []


def test_retired_folders_go_at_once_and_are_cleared_later(run: RunDirectory) -> None:
    run.retire("round-00/twice")
    run.retire("round-00/none")
    assert not run.place("round-00/twice").exists()
    assert [path.name.split(".")[0] for path in run.attempts.iterdir()] == ["retired-round-00~twice"]
    run.clear_retired()
    assert list(run.attempts.iterdir()) == []


def test_attempts_of_a_stage_are_its_own(run: RunDirectory) -> None:
    """A language's code may begin as another one does, and hold a dot."""
    for name in ("round-00/encode/zh", "round-00/encode/zh.CN", "round-00/encode/zh*"):
        assert stage_of(run.new_attempt(name, "attempt").parent) == name
        assert slug(name).count("/") == 0
    run.clear_attempts("round-00/encode/zh*")
    run.clear_attempts("round-00/encode/zh")
    assert [stage_of(path) for path in run.attempts.iterdir()] == ["round-00/encode/zh.CN"]


def test_newest_attempt_first(run: RunDirectory) -> None:
    folders = [run.new_attempt("s", "attempt").parent for _ in range(3)]
    for age, folder in enumerate(folders):
        os.utime(folder, (age, age))
    assert run.old_attempts("s") == folders[::-1]


@pytest.mark.parametrize("linking", [True, False])
def test_a_twin_is_linked_or_copied(run: RunDirectory, plan: Plan, monkeypatch, linking: bool) -> None:
    def refuse(*args: object) -> None:
        raise OSError("not on this file system")

    stage = plan.by_name["round-01/upper"]
    key = run.manifest(stage.name).key
    assert run.twin(key, iter(["round-00/lines", "round-00/upper"])) == "round-00/upper"
    assert run.twin("none", iter(plan.by_name)) is None
    run.retire(stage.name)
    if not linking:
        monkeypatch.setattr(os, "link", refuse)
    run.link("round-00/upper", stage)
    places = [run.place(name) / "product.txt" for name in ("round-00/upper", stage.name)]
    assert places[0].samefile(places[1]) is linking
    assert damages(run, plan) == []
    assert [path for path in run.attempts.iterdir() if "link" in path.name] == []


def test_inputs_by_kind(run: RunDirectory, plan: Plan) -> None:
    join = plan.by_name["round-01/join"]
    assert all(isinstance(source, Product) for source in join.inputs.values())
    assert isinstance(plan.stages[0].inputs["text"], File)
    expected = content_hash(run.manifest("round-00/twice").outputs)
    assert run.input_hashes(join)["a"] == expected
