"""`evaluate xsim` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairseq_xling.cli.main import main

SHORT = "--source-text x.xx --target-text short"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three lines of two languages that share names, and vectors of which the third finds no translation."""
    monkeypatch.chdir(tmp_path)
    lines = {"xx": "casa Rossi\nacqua Bianchi\nvento Verdi\n", "eng": "house Rossi\nwater Bianchi\nwind Verdi\n"}
    Path("t").mkdir()
    for language, text in lines.items():
        Path(f"x.{language}").write_text(text)
        Path(f"t/tatoeba.xx-eng.{language}").write_text(text)
        vectors = np.eye(3, dtype=np.float32)[[0, 1, 2] if language == "xx" else [0, 1, 1]] + 0.1
        np.save(f"x.{language}.npy", vectors)
        np.save(f"t/tatoeba.xx-eng.{language}.npy", vectors)
    return tmp_path


def scores(capsys: pytest.CaptureFixture[str], arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    assert main(["evaluate", *arguments.split(), "--json"]) == 0
    records = json.loads(capsys.readouterr().out)["scores"]
    return {(record["pair"], record["name"]): record for record in records}


def test_xsim(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scores(capsys, "xsim --source x.xx.npy --target x.eng.npy --margin distance --mining-k 2")
    assert found["source-target", "xsim.error"]["counts"] == {"errors": 1, "sentences": 3}
    assert "margin:distance|k:2|compare:index|split:test" in found["*", "xsim.error"]["signature"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("xsim --source x.xx.npy --target short.npy", "x.xx.npy has 3 sentences, but short.npy has 2. Align them"),
        (f"xsim --source x.xx.npy --target x.eng.npy {SHORT}", "short has 2 sentences, but x.xx.npy has 3"),
        ("xsim --source x.xx.npy --target none.npy", "none.npy does not exist"),
        ("xsim --source x.xx.npy --target x.eng.npy --mining-k 0", "must be at least 1"),
    ],
)
def test_faults_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str) -> None:
    np.save("short.npy", np.eye(2, dtype=np.float32))
    Path("short").write_text("a\nb\n")
    assert main(["evaluate", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fairseq-xling: error: ")
    assert err.count("\n") == 1
    assert message in err
