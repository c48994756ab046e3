"""`evaluate alignment` and `evaluate pca` as a person runs them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairseq_xling.cli.main import main
from fairseq_xling.evaluation.tokens import TokenStates

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sentence pairs: in the first the words stand in the same order, in the second the other way round."""
    monkeypatch.chdir(tmp_path)
    eye = np.eye(4, dtype=np.float32)
    lines, words = np.array([0, 2, 4]), np.array([0, 1, 0, 1])
    TokenStates(eye, lines, words, ["▁a", "▁b", "▁c", "▁d"], "encoder:x").save("s.npz")
    TokenStates(eye[[0, 1, 3, 2]], lines, words, ["▁A", "▁B", "▁D", "▁C"], "encoder:x").save("t.npz")
    Path("gold").write_text("1-1 2?2\n2-1 1-1\n")
    for code, seed in (("fur", 1), ("eng", 2)):
        np.save(f"{code}.npy", np.random.default_rng(seed).normal(size=(30, 5)).astype(np.float32))
    return tmp_path


def scores(capsys: pytest.CaptureFixture[str], arguments: str) -> dict[str, dict[str, Any]]:
    assert main(["evaluate", *arguments.split(), "--json"]) == 0
    records = json.loads(capsys.readouterr().out)["scores"]
    return {record["name"]: record for record in records}


def test_alignment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scores(capsys, "alignment --source s.npz --target t.npz --gold gold --first 1 --output links --svg a.svg")
    assert Path("links").read_text() == "0-0 1-1\n0-1 1-0\n"
    # Four links: 1-1 and 2-1 are sure, 2?2 is possible, 1-2 is none; of three sure ones two are found.
    assert found["alignment.precision"]["value"] == pytest.approx(3 / 4)
    assert found["alignment.recall"]["value"] == pytest.approx(2 / 3)
    assert found["alignment.aer"]["value"] == pytest.approx(1 - (2 + 3) / (4 + 3))
    assert found["alignment.aer"]["pair"] == "source-target"
    assert "combine:intersect" in found["alignment.aer"]["signature"]
    shown = [text.text for text in ElementTree.parse("a.svg").getroot().iter(f"{SVG}text")]
    assert shown[1:] == ["▁a", "▁b", "▁A", "▁B"]


def test_an_alignment_without_gold_prints_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "alignment --source s.npz --target t.npz --svg b.svg --line 2 --source-language fur --target-language eng"
    assert main(["evaluate", *words.split()]) == 0
    assert capsys.readouterr().out == ""
    assert "fur-eng, line 2" in Path("b.svg").read_text()


def test_pca(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scores(capsys, "pca --vectors fur=fur.npy eng=eng.npy --most 20 --svg p.svg")
    assert 0.4 < found["pca.variance"]["value"] < 1
    assert 0 < found["pca.language"]["value"] < 0.3
    assert found["pca.variance"]["counts"] == {"languages": 2, "sentences": 40}
    assert len(list(ElementTree.parse("p.svg").getroot().iter(f"{SVG}circle"))) == 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("alignment --source s.npz --target t.npz", "give --gold G, --output O or --svg O.svg"),
        ("alignment --source none --target t.npz --output o", "none does not exist"),
        ("alignment --source gold --target t.npz --output o", "gold is not a file of token states"),
        ("alignment --source s.npz --target t.npz --svg o --line 3", "--line must be between 1 and 2, but is 3"),
        ("alignment --source s.npz --target t.npz --gold gold --first 2", "gold:1: `1-1` is not a link"),
        ("pca --vectors fur=fur.npy", "give at least two languages"),
        ("pca --vectors fur=fur.npy fur=eng.npy", "`fur=eng.npy` is not CODE=VECTORS"),
        ("pca --vectors fur.npy eng=eng.npy", "`fur.npy` is not CODE=VECTORS"),
        ("pca --vectors fur=fur.npy eng=eng.npy --most 1", "--most must be at least 2"),
        ("pca --vectors fur=fur.npy eng=other.npy", "different dimensions"),
    ],
)
def test_faults_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str) -> None:
    np.save("other.npy", np.ones((4, 2), np.float32))
    assert main(["evaluate", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fairseq-xling: error: ")
    assert err.count("\n") == 1
    assert message in err
