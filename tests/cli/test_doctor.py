from __future__ import annotations

import importlib.metadata as metadata
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece

from fairseq_xling import USER_DIR, __version__
from fairseq_xling.cli import doctor
from fairseq_xling.cli.main import main


def states(findings: list[doctor.Finding]) -> dict[str, str]:
    return {finding.name: finding.state for finding in findings}


def test_this_installation_is_whole(run_cli: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run_cli("doctor", "--json")
    report = json.loads(done.stdout)
    faults = [finding for finding in report["findings"] if finding["state"] == "fault"]
    assert (done.returncode, faults, done.stderr) == (0, [], "")
    assert report["version"] == __version__
    assert report["user_dir"] == USER_DIR
    names = {finding["name"] for finding in report["findings"]}
    assert {"python", "torch", "numpy", "hydra-core", "fairseq", "host layer", "import fairseq", "slurm"} <= names


def test_every_fault_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def nothing_installed(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nothing_installed)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert main(["doctor", "--json"]) == 2
    findings = json.loads(capsys.readouterr().out)["findings"]
    faults = {finding["name"]: finding["mend"] for finding in findings if finding["state"] == "fault"}
    assert {"torch", "numpy", "fairseq", "fairseq-train"} <= faults.keys()
    assert all(faults.values())
    assert faults["fairseq"].startswith("pip install --no-deps fairseq==0.12.2")
    assert main(["doctor"]) == 2
    out = capsys.readouterr().out
    assert "fault  fairseq: not installed\n       pip install --no-deps fairseq==0.12.2" in out
    assert out.endswith(f"{len(faults)} fault(s)\n")


@pytest.mark.parametrize(
    ("need", "found", "state"),
    [
        ("numpy", "1.0", "ok"),
        ("torch>=2.6", "2.13.0+cpu", "ok"),
        ("torch>=2.6", "2.6", "ok"),
        ("torch>=2.6", "2.5.1", "fault"),
        ("torch>=2.6.0", "2.6", "ok"),
        ("hydra-core<1.4,>=1.3", "1.4", "fault"),
        ("hydra-core<1.4,>=1.3", "1.4.0", "fault"),
        ("omegaconf<2.4,>=2.3", "2.3.1", "ok"),
        ("omegaconf<2.4,>=2.3", "2.4.0.dev4", "fault"),
        ("omegaconf<2.4,>=2.3", "2.0.6", "fault"),
        ("hydra-core<1.4,>=1.3", "1.10.0", "fault"),
        ("sacrebleu>=2", "2.6.0", "ok"),
        ("sacrebleu>=2", None, "fault"),
    ],
)
def test_requirements(monkeypatch: pytest.MonkeyPatch, need: str, found: str | None, state: str) -> None:
    def version(name: str) -> str:
        assert name == need.split(">")[0].split("<")[0]
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(metadata, "version", version)
    finding = doctor.requirement(need)
    assert finding.state == state
    assert (need in finding.mend) is (state == "fault")


def test_a_checkout_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", not_there)
    assert states(list(doctor._packages())) == {"fairseq-xling": "fault"}


def test_a_host_layer_that_was_not_loaded_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "fairseq_xling_host")
    assert states(list(doctor._host())) == {"host layer": "fault"}


def test_an_edit_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRSEQ_XLING_HOST_DISABLE", "mutable-defaults")
    found = states(list(doctor._host()))
    assert found == {"host edit mutable-defaults": "fault"}


def test_another_fairseq_first_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for command in ("fairseq-train", "fairseq-generate"):
        (tmp_path / command).write_text("#!/bin/sh\n")
        (tmp_path / command).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = list(doctor._commands())
    assert states(found) == {"fairseq-train": "note", "fairseq-generate": "note"}
    assert all(str(tmp_path) in finding.text for finding in found)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert states(list(doctor._commands())) == {"fairseq-train": "ok", "fairseq-generate": "ok"}


@pytest.mark.parametrize(
    ("commands", "state", "text"),
    [
        ([], "note", "this machine"),
        (["sbatch", "squeue", "sacct"], "ok", "sbatch, squeue, sacct"),
        (["sbatch", "squeue"], "ok", "no sacct"),
        (["squeue"], "note", "sbatch is missing"),
    ],
)
def test_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, commands: list[str], state: str, text: str) -> None:
    for command in commands:
        (tmp_path / command).write_text("#!/bin/sh\n")
        (tmp_path / command).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = doctor._slurm()
    assert finding.state == state
    assert text in finding.text


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A small SentencePiece model and its pieces."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "text").write_text("".join(f"line {i} of a text\n" for i in range(50)), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text"), model_prefix=str(folder / "m"), vocab_size=25, minloglevel=2, num_threads=1
    )
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "m.model"))
    return folder / "m.model", [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]


def test_a_dictionary_that_fits_its_model(model: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, pieces = model
    (tmp_path / "dict.txt").write_text("".join(f"{piece} 1\n" for piece in pieces), encoding="utf-8")
    assert doctor._pieces(str(path), str(tmp_path / "dict.txt")).state == "ok"


def test_a_dictionary_that_lacks_pieces(model: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, pieces = model
    (tmp_path / "dict.txt").write_text("".join(f"{piece} 1\n" for piece in pieces[2:]), encoding="utf-8")
    finding = doctor._pieces(str(path), str(tmp_path / "dict.txt"))
    assert finding.state == "fault"
    assert finding.text.startswith("2 pieces of ")
    assert pieces[0] in finding.text
    assert finding.mend


def test_a_model_that_is_none(
    model: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest of the report is still printed."""
    (tmp_path / "m.model").write_text("text")
    assert main(["doctor", "--spm", str(tmp_path / "m.model"), "--dict", str(tmp_path / "d"), "--json"]) == 2
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [f["name"] for f in findings if f["state"] == "fault"] == ["sentencepiece against dictionary"]
    assert "is not a SentencePiece model" in findings[-1]["text"]


def test_model_and_dictionary_come_together() -> None:
    assert doctor._pieces("m.model", None).state == doctor._pieces(None, "dict.txt").state == "fault"
