"""`iterate` as a person runs it: plans, faults, signals, a second driver. What it trains is in tests/plugin."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from fairseq_xling.cli.main import main


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for code in ("aa", "bb"):
        (tmp_path / f"mono.{code}").write_text("one\ntwo\n")
    values = {"languages": {"aa": {"mono": "mono.aa"}, "bb": {"mono": "mono.bb"}}, "start": "surface"}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(values))
    return tmp_path / "c.yaml"


def test_the_papers_configuration(root: Path, run_cli) -> None:
    done = run_cli("iterate", root / "examples/rounds/paper.yaml", "--run-dir", "R", "--dry-run", "--json")
    assert done.returncode == 0
    record = json.loads(done.stdout)
    assert record["counts"] == {
        "start": 1, "encode": 4 * 25, "mine": 4 * 90, "assemble": 3 * 90, "binarise": 3, "train": 3,
    }  # fmt: skip
    costs = {cost["kind"]: cost for cost in record["costs"]}
    assert costs["train"]["gpu_hours_limit"] == 3 * 16 * 48
    assert costs["encode"]["sentences"] == 4 * 2_122_000_000
    assert len(record["absent"]) == 3
    table = run_cli("iterate", root / "examples/rounds/paper.yaml", "--run-dir", "R", "--dry-run").stdout
    assert "25 languages, 90 pairs, 3 rounds, 737 stages" in table
    assert "round-03/mine/vi_VN-zh_CN" in table


def test_the_case_study(root: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    """One pair is trained on, all directions are evaluated."""
    (tmp_path / "romance").mkdir()
    for code in ("eng", "fur", "lij", "lmo", "scn", "srd", "vec"):
        for role in (f"mono.{code}", f"mono.{code}.ids", f"test.{code}"):
            (tmp_path / "romance" / role).write_text("1\n")
    monkeypatch.setenv("XLING_DATA", str(tmp_path))
    words = ["iterate", str(root / "examples/rounds/one-pair.yaml"), "--run-dir", "R", "--dry-run", "--json"]
    assert main(words) == 0
    stages = {stage["name"]: stage for stage in json.loads(capsys.readouterr().out)["stages"]}
    assert [name for name in stages if "/mine/" in name] == ["round-00/mine/eng-fur", "round-01/mine/eng-fur"]
    judged = [line for line in stages["round-01/evaluate/retrieval-test"]["commands"] if "evaluate tatoeba" in line]
    assert len(judged) == 21


@pytest.mark.parametrize("name", ["romance-pretrain", "romance-surface"])
def test_shipped_configurations_say_what_they_need(root: Path, name: str, monkeypatch, capsys) -> None:
    monkeypatch.delenv("XLING_DATA", raising=False)
    assert main(["iterate", str(root / f"examples/rounds/{name}.yaml"), "--run-dir", "R", "--dry-run"]) == 2
    assert "the environment variable XLING_DATA is not set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("", "the following arguments are required: --run-dir"),
        ("c.yaml --run-dir R --dry-run --status", "exclude each other"),
        ("c.yaml --run-dir R --executor cloud", "invalid choice: 'cloud'"),
        ("c.yaml --run-dir R --cpus 0", "--cpus must be at least 1"),
        ("--run-dir R", "holds no run yet. Name its configuration"),
        ("--run-dir R --status", "holds no run yet"),
        ("none.yaml --run-dir R", "none.yaml does not exist"),
        ("empty.yaml --run-dir R", "must be a mapping"),
        ("broken.yaml --run-dir R", "is not YAML"),
        ("bytes.yaml --run-dir R", "is not YAML"),
        (". --run-dir R", "is a directory"),
        ("c.yaml --run-dir c.yaml --executor inline", "c.yaml is a file, but a run is a directory"),
        ("c.yaml --run-dir . --executor inline", "holds something else than a run"),
        ("bare.yaml --run-dir R --executor inline", "`sentences` alone is for --dry-run"),
    ],
)
def test_faults_are_one_line_and_start_nothing(config: Path, monkeypatch, capsys, words: str, fault: str) -> None:
    folder = config.parent
    (folder / "empty.yaml").write_text("")
    (folder / "broken.yaml").write_text("a: [")
    (folder / "bytes.yaml").write_bytes(b"a: \xff")
    (folder / "bare.yaml").write_text("languages: {aa: {sentences: 3}, bb: {sentences: 3}}\nstart: surface\n")
    before = sorted(folder.rglob("*"))
    monkeypatch.chdir(folder)
    assert main(["iterate", *words.split()]) == 2
    err = capsys.readouterr().err
    assert fault in err
    assert err.count("\n") == 1
    assert sorted(folder.rglob("*")) == before


# ---- drivers as processes, over stages that are small scripts


@pytest.fixture
def start(config: Path, root: Path):
    """Start a driver whose stage round-00/twice is the script; all of them end with the test."""
    started = []

    def begin(script: str = "", executor: str = "inline") -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"}
        words = ["-m", "references.stub_iterate", "mono.aa", script, "c.yaml", "--run-dir", "R", "--executor", executor]
        process = subprocess.Popen(
            [sys.executable, *words], cwd=config.parent, env=environment, stderr=subprocess.PIPE, encoding="utf-8"
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def pids_of(folder: Path) -> list[int]:
    """The script's process and its parent, once it runs."""
    end = time.monotonic() + 120
    while not (folder / "pids").is_file():
        assert time.monotonic() < end, "the stage never ran"
        time.sleep(0.02)
    return [int(word) for word in (folder / "pids").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


WAITING = "echo $$ $PPID > pids.part; mv pids.part pids; sleep 600"


@pytest.mark.parametrize("executor", ["inline", "local"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing_running(start, config: Path, executor: str, number: signal.Signals, code: int) -> None:
    folder = config.parent
    process = start(WAITING, executor)
    pids = pids_of(folder)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "Traceback" not in err
    end = time.monotonic() + 60
    while any(map(is_alive, pids)):
        assert time.monotonic() < end, "a process was left behind"
        time.sleep(0.02)
    assert not (folder / "R" / ".lease.json").exists()
    assert not (folder / "R" / "round-00" / "twice").exists()
    again = start("", executor)
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert "finished 5 stages" in err


def test_a_second_driver_is_refused_and_a_killed_ones_run_taken_over(start, config: Path, run_cli) -> None:
    folder = config.parent
    first = start(WAITING)
    pids = pids_of(folder)
    second = start()
    _, err = second.communicate(timeout=120)
    assert second.returncode == 2
    assert err.startswith("fairseq-xling: error: ")
    assert f"is being driven by process {first.pid} on" in err
    first.kill()
    first.wait()
    end = time.monotonic() + 60
    while any(map(is_alive, pids)):
        assert time.monotonic() < end, "a process was left behind"
        time.sleep(0.02)
    third = start()
    _, err = third.communicate(timeout=120)
    assert third.returncode == 0, err
    assert f"taken over from process {first.pid} on" in err


@pytest.mark.parametrize(("script", "code"), [("echo bad luck; exit 7", 1), ("echo your text is bad >&2; exit 2", 2)])
def test_whose_fault_it_was(start, script: str, code: int) -> None:
    process = start(script)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    last = err.splitlines()[-1]
    assert last.startswith("fairseq-xling: error: round-00/twice: ")
    assert "twice.log" in last
    assert "bad" in last
    assert "done round-00/lines" in err
