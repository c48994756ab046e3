"""One attempt: what it publishes, what it leaves, what it takes over, and what it says when it fails."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from references.stub_rounds import no_verb, stage

from fairseq_xling.files import read_manifest
from fairseq_xling.rounds import perform
from fairseq_xling.rounds.perform import KEY_FILE, Performer, last_lines
from fairseq_xling.rounds.stages import Command, File, Stage
from fairseq_xling.rounds.state import STAGE_FILE, RunDirectory


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    (tmp_path / "text").write_text("one\n")
    (tmp_path / "R").mkdir()
    return RunDirectory(tmp_path / "R")


def small(run: RunDirectory, script: str, **more: object) -> Stage:
    return stage("round-00/x", script, {"text": File(run.root.parent / "text")}, **more)


def attempts(run: RunDirectory) -> list[Path]:
    return run.old_attempts("round-00/x")


def test_published_with_its_manifest_last(run: RunDirectory) -> None:
    made = small(run, 'cat "$1" > "$out/product.txt"; echo said; echo also said >&2')
    outcome = Performer(run, no_verb)(made, "key", 1)
    assert (outcome.code, outcome.message) == (0, "")
    folder = run.place(made.name)
    manifest = read_manifest(folder / STAGE_FILE)
    assert sorted(manifest.outputs) == ["product.txt"]
    assert manifest.inputs == run.input_hashes(made)
    assert {path.name for path in folder.iterdir()} == {"product.txt", STAGE_FILE}
    assert attempts(run) == []
    log = run.log(made.name).read_text()
    assert "said\nalso said\n" in log
    assert log.startswith("$ sh -ec")


def test_results_notes_and_verbs(run: RunDirectory) -> None:
    called = []

    def call(words: Sequence[str], cpus: int) -> int:
        called.append((list(words), cpus))
        print("a result")  # noqa: T201 - what a verb does
        print("a note", file=sys.stderr)  # noqa: T201
        os.write(1, b"from C\n")
        return 0

    commands = (
        Command(("fairseq-xling", "verb", "{text}"), "result.txt", ("--threads", "2")),
        Command(("cat", "{work}/note"), "note.txt"),
    )
    made = Stage("round-00/x", "mine", commands, {"text": File(run.root.parent / "text")}, ("result.txt",),
                 {"note": "{text} is read\n"})  # fmt: skip
    assert Performer(run, call)(made, "key", 3).code == 0
    text = str(run.root.parent / "text")
    assert called == [(["verb", text, "--threads", "2"], 3)]
    assert sorted((run.place(made.name) / "result.txt").read_text().splitlines()) == ["a result", "from C"]
    assert (run.place(made.name) / "note.txt").read_text() == f"{text} is read\n"
    assert "a note\n" in run.log(made.name).read_text()


def test_a_failure_says_what_failed_where_and_how(run: RunDirectory) -> None:
    outcome = Performer(run, no_verb)(small(run, "echo first; echo last words; exit 7"), "key", 1)
    assert outcome.code == 7
    assert "round-00/x: sh ended with exit code 7" in outcome.message
    assert str(run.log("round-00/x")) in outcome.message
    assert outcome.message.endswith("first | last words")
    assert not run.place("round-00/x").exists()
    outcome = Performer(run, no_verb)(small(run, "kill -9 $$"), "key", 1)
    assert (outcome.code, "signal SIGKILL" in outcome.message) == (-9, True)


def test_a_verbs_own_error_is_repeated(run: RunDirectory) -> None:
    script = "echo 'fairseq-xling: error: the text is bad' >&2; exit 2"
    outcome = Performer(run, no_verb)(small(run, script), "key", 1)
    assert outcome.message == f"round-00/x: the text is bad (log: {run.log('round-00/x')})"


def test_a_stage_that_makes_nothing(run: RunDirectory) -> None:
    outcome = Performer(run, no_verb)(small(run, "true"), "key", 1)
    assert (outcome.code, "did not make product.txt" in outcome.message) == (1, True)


def test_a_program_that_is_not_there(run: RunDirectory) -> None:
    missing = replace(small(run, "true"), commands=(Command(("no-such-program-here",)),))
    outcome = Performer(run, no_verb)(missing, "key", 1)
    assert (outcome.code, "no-such-program-here: No such file" in outcome.message) == (2, True)


@pytest.mark.parametrize("function", ["write_manifest", "rename"])
def test_a_full_disk_is_said_and_leaves_nothing_half_done(run: RunDirectory, monkeypatch, function: str) -> None:
    made = small(run, 'cat "$1" > "$out/product.txt"')

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(arguments[0]))

    if function == "rename":
        monkeypatch.setattr(Path, "rename", full)
    else:
        monkeypatch.setattr("fairseq_xling.rounds.state.write_manifest", full)
    outcome = Performer(run, no_verb)(made, "key", 1)
    assert outcome.code == 2
    assert "No space left on device. Mend that, and the same command goes on" in outcome.message
    assert not run.place(made.name).exists()
    monkeypatch.undo()
    assert Performer(run, no_verb)(made, "key", 1).code == 0
    assert attempts(run) == []


def test_another_fault_of_the_disk_may_pass(run: RunDirectory, monkeypatch) -> None:
    def broken(*arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(perform, "file_hashes", broken)
    assert Performer(run, no_verb)(small(run, 'cat "$1" > "$out/product.txt"'), "key", 1).code == 1


# ---- what is carried over

TRAINING = 'cp -r "$out/checkpoints" "$out/kept" 2> /dev/null || true; touch "$out/product.txt"'
CARRIED = ("checkpoints/checkpoint*.pt", "train.log")


def attempt(run: RunDirectory, key: str, age: int, updates: dict[str, int], truncated: str = "") -> None:
    """An attempt that was cut short, with checkpoints of so many updates."""
    out = run.new_attempt("round-00/x", "attempt")
    (out.parent / KEY_FILE).write_text(json.dumps({"key": key}))
    (out / "checkpoints").mkdir()
    (out / "train.log").write_text(f"log of {age}\n")
    for name, count in updates.items():
        torch.save({"optimizer_history": [{"num_updates": count}]}, out / "checkpoints" / name)
    if truncated:
        os.truncate(out / "checkpoints" / truncated, 300)
    os.utime(out.parent, (time.time() - age,) * 2)


def carried(run: RunDirectory, *words: str) -> dict[str, int]:
    """Updates of the checkpoints that a new attempt of the same key finds."""
    from fairseq_xling.rounds.resume import updates_of

    made = small(run, TRAINING, carried=CARRIED)
    (training,) = made.commands
    made = replace(made, commands=(replace(training, words=(*training.words, *words)),))
    assert Performer(run, no_verb)(made, "key", 1).code == 0
    found = sorted((run.place(made.name) / "kept").glob("*.pt"))
    assert attempts(run) == []
    return {path.name: updates_of(path) for path in found}


def test_checkpoints_are_carried_over(run: RunDirectory) -> None:
    attempt(run, "key", 10, {"checkpoint_1_3.pt": 3, "checkpoint_last.pt": 4})
    assert carried(run) == {"checkpoint_1_3.pt": 3, "checkpoint_last.pt": 4}
    assert (run.place("round-00/x") / "train.log").read_text() == "log of 10\n"


def test_a_truncated_one_is_not_taken_but_the_one_before_is(run: RunDirectory) -> None:
    attempt(run, "key", 10, {"checkpoint_1_3.pt": 3, "checkpoint_last.pt": 4}, truncated="checkpoint_last.pt")
    assert carried(run) == {"checkpoint_1_3.pt": 3, "checkpoint_last.pt": 3}


def test_an_older_attempt_where_the_newest_has_nothing_whole(run: RunDirectory) -> None:
    attempt(run, "key", 10, {"checkpoint_last.pt": 4}, truncated="checkpoint_last.pt")
    attempt(run, "key", 20, {"checkpoint_last.pt": 2})
    assert carried(run) == {"checkpoint_last.pt": 2}


def test_nothing_of_other_work(run: RunDirectory) -> None:
    attempt(run, "other key", 10, {"checkpoint_last.pt": 4})
    assert carried(run) == {}


def test_a_training_that_was_over_is_not_started_again(run: RunDirectory) -> None:
    attempt(run, "key", 10, {"checkpoint_last.pt": 6})
    first, second = Command(("sh", "-c", "exit 9", "--max-update", "6")), Command(("touch", "{out}/product.txt"))
    made = replace(small(run, "", carried=CARRIED), commands=(first, second))
    assert Performer(run, no_verb)(made, "key", 1).code == 0


# ---- logs and processes


def test_last_lines_leave_out_progress(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log) == []
    log.write_text("x" * 30_000 + "\n" + "one\n\n 50%|#####     | 1/2\r 60%|######\ntwo\n", encoding="utf-8")
    assert last_lines(log, 2) == ["one", "two"]


def test_a_program_ends_with_its_performer(run: RunDirectory, root: Path) -> None:
    """Also when that is killed and cannot do anything about it."""
    script = (
        "import sys; from pathlib import Path\n"
        "from references.stub_rounds import no_verb, stage\n"
        "from fairseq_xling.rounds.perform import Performer\n"
        "from fairseq_xling.rounds.state import RunDirectory\n"
        "run = RunDirectory(sys.argv[1])\n"
        "Performer(run, no_verb)(stage('s', 'echo $$ > \"$out/pid\"; exec sleep 600', {}), 'key', 1)\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"}
    process = subprocess.Popen([sys.executable, "-c", script, str(run.root)], env=environment)
    end = time.monotonic() + 60
    while not (found := [path for path in run.attempts.glob("*/out/pid") if path.read_text()]):
        assert time.monotonic() < end
        time.sleep(0.02)
    pid = int(found[0].read_text())
    process.kill()
    process.wait()
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]:
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.02)
