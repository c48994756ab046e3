"""`evaluate xsim++` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairseq_xling.cli.main import main

SENTENCES = {
    "fra": "Rossi a 7 maisons\nBianchi drinkt\n",
    "eng": "Rossi has 7 houses\nBianchi drinks\n",
    "aug": "Rossi a 7 maisonettes\nBianchi eats\nVerdi drinks\n",
}
CHANGES = {
    "Rossi a 7 maisonettes": {"src": "Rossi has 7 houses", "errtype": "Entity"},
    "Bianchi eats": {"src": "Bianchi drinks", "errtype": "Antonym"},
    "Verdi drinks": {"src": "Bianchi drinks", "errtype": "Entity"},
}


AUGMENTED = "--augmented aug.npy --augmented-text aug"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sentences and three made-up ones; the first prefers one of those, which is spelled like it."""
    monkeypatch.chdir(tmp_path)
    for name, text in SENTENCES.items():
        Path(name).write_text(text)
    Path("types.json").write_text(json.dumps(CHANGES))
    eye = np.eye(3, dtype=np.float32) + 0.1
    np.save("fra.npy", eye[:2])
    np.save("eng.npy", eye[[2, 1]])
    np.save("aug.npy", eye[[0, 2, 2]])
    return tmp_path


def score(capsys: pytest.CaptureFixture[str], arguments: str) -> dict[str, Any]:
    assert main(["evaluate", "xsim++", *arguments.split(), "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["scores"]
    return dict(record)


@pytest.mark.parametrize(
    "given",
    [
        f"--source fra.npy --target eng.npy --target-text eng {AUGMENTED}",
        "--encoder surface --source fra --target eng --augmented aug",
        "--encoder surface --source fra --target eng --augmented aug --fit eng aug fra",
    ],
)
def test_errors_by_kind(folder: Path, capsys: pytest.CaptureFixture[str], given: str) -> None:
    found = score(capsys, f"{given} --augmented-types types.json --mining-k 2 --margin absolute --split devtest")
    assert found["name"] == "xsim++.error"
    assert found["value"] == 0.5
    assert found["counts"] == {"errors": 1, "sentences": 2, "candidates": 5, "errors.Entity": 1}
    assert found["split"] == "devtest"
    assert ("encoder:surface" in found["signature"]) == ("surface" in given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--source fra.npy --target eng.npy --augmented aug.npy", "vectors need their texts"),
        (
            "--source fra.npy --target eng.npy --target-text aug --augmented aug.npy --augmented-text aug",
            "eng.npy has 2 v",
        ),
        (
            "--source aug.npy --target eng.npy --target-text eng --augmented aug.npy --augmented-text aug",
            "aug.npy has 3 s",
        ),
        ("--encoder surface --source fra --target aug --augmented aug", "fra has 2 sentences, but aug has 3"),
        ("--encoder surface --source fra --target eng --augmented none", "none does not exist"),
    ],
)
def test_faults_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str) -> None:
    assert main(["evaluate", "xsim++", *arguments.split(), "--augmented-types", "types.json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fairseq-xling: error: ")
    assert err.count("\n") == 1
    assert message in err
