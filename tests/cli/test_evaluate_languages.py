"""`evaluate matrix`, `layers` and `shuffle` as a person runs them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairseq_xling.cli.main import main

TEXTS = {
    "xx": "casa Rossi\nacqua Bianchi\nvento Verdi\n",
    "eng": "house Rossi\nwater Bianchi\nwind Verdi\n",
    "yy": "chiesa Rossi\nneve Verdi\nacque Bianchi\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One text in three languages; the third has two lines exchanged, so that it is right for one line of three."""
    monkeypatch.chdir(tmp_path)
    Path("t").mkdir()
    for code, text in TEXTS.items():
        Path(f"t/test.{code}").write_text(text)
        np.save(f"t/test.{code}.npy", np.eye(3, dtype=np.float32)[[0, 2, 1] if code == "yy" else [0, 1, 2]])
    return tmp_path


def scores(capsys: pytest.CaptureFixture[str], arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    assert main(["evaluate", *arguments.split(), "--json"]) == 0
    records = json.loads(capsys.readouterr().out)["scores"]
    return {(record["pair"], record["name"]): record for record in records}


@pytest.mark.parametrize(
    "vectors", ["--vectors t", "--encoder surface", "--encoder surface --fit t/test.xx t/test.eng"]
)
def test_a_matrix_of_all_directions(folder: Path, capsys: pytest.CaptureFixture[str], vectors: str) -> None:
    found = scores(capsys, f"matrix --folder t {vectors} --svg m.svg --bootstrap 20")
    name = "surface.accuracy" if "surface" in vectors else "tatoeba.accuracy"
    assert {pair for pair, _ in found} == {"eng-xx", "xx-eng", "eng-yy", "yy-eng", "xx-yy", "yy-xx", "*"}
    assert found["eng-xx", name]["value"] == 1
    assert found["xx-yy", name]["value"] == pytest.approx(1 / 3)
    assert found["*", name]["value"] == pytest.approx((2 + 4 / 3) / 6)
    assert "low" in found["xx-yy", name]["counts"]
    cells = [text.text for text in ElementTree.parse("m.svg").getroot().iter("{http://www.w3.org/2000/svg}text")]
    assert cells.count("100.0") == 2
    assert cells.count("33.3") == 4


def test_the_matrix_is_printed_as_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "matrix", "--folder", "t", "--vectors", "t", "--languages", "yy", "xx", "eng"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.split("\n\n")[0].splitlines()]
    assert lines == [
        ["tatoeba.accuracy,", "%", "yy", "xx", "eng"],
        ["yy", "33.33", "33.33"],
        ["xx", "33.33", "100.00"],
        ["eng", "33.33", "100.00"],
    ]


def test_layers_from_names_or_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, target in (("0", "yy"), ("2", "eng"), ("10", "eng")):
        Path("l", number).mkdir(parents=True)
        np.save(f"l/{number}/source.npy", np.load("t/test.xx.npy"))
        np.save(f"l/{number}/target.npy", np.load(f"t/test.{target}.npy"))
    layers = " ".join(f"{n}=l/{n}/source.npy,l/{n}/target.npy" for n in ("10", "0", "2"))
    expected = {"tatoeba.accuracy.layer-0": 1 / 3, "tatoeba.accuracy.layer-2": 1, "tatoeba.accuracy.layer-10": 1}
    for given in (f"--layer {layers}", "--folder l"):
        found = scores(capsys, f"layers {given} --svg l.svg --source-language xx --target-language eng")
        assert {name: r["value"] for (pair, name), r in found.items() if pair == "*"} == pytest.approx(expected)
        assert [name for pair, name in found if pair == "xx-eng"] == list(expected)
        assert "layer:10" in found["xx-eng", "tatoeba.accuracy.layer-10"]["signature"]
        assert "xx-eng" in Path("l.svg").read_text()


def test_shuffled_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("long").write_text(" ".join(map(str, range(30))) + "\n\nb a\n")
    found = scores(capsys, "shuffle --input long --output g --seed 3")
    assert found["*", "shuffle.moved"]["value"] > 0.5
    lines = Path("g").read_text().split("\n")
    assert sorted(lines[0].split(), key=int) == [str(i) for i in range(30)]
    assert lines[1] == ""
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("matrix --folder t", "one of --vectors DIR and --encoder surface"),
        ("matrix --folder t --vectors t --languages eng zz", "t has no text of zz, but of eng, xx, yy"),
        ("matrix --folder t --vectors t --languages eng", "a matrix needs two languages"),
        ("matrix --folder t --vectors t --split dev", "t has no texts of split dev"),
        ("matrix --folder t --vectors none", "none/test.eng.npy does not exist"),
        ("matrix --folder t --vectors short", "short/test.xx has 2 sentences, but short/test.eng has 3"),
        (
            "layers --layer 0=t/test.eng.npy,short/test.xx.npy",
            "but short/test.xx.npy has 2. Align them",
        ),
        ("layers", "give either --layer N=X,Y … or --folder DIR"),
        ("layers --layer a=b,c", "`a=b,c` is not N=X,Y"),
        ("layers --layer 1=b,c 1=d,e", "a layer is given twice"),
        ("layers --folder t", "t has no folders named 0, 1, …"),
        ("shuffle --input none --output g", "none does not exist"),
    ],
)
def test_faults_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str) -> None:
    Path("short").mkdir()
    for code, rows in (("eng", 3), ("xx", 2), ("yy", 3)):
        np.save(f"short/test.{code}.npy", np.eye(rows, dtype=np.float32))
    assert main(["evaluate", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fairseq-xling: error: ")
    assert err.count("\n") == 1
    assert message in err
