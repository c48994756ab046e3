"""`evaluate bucc` and `evaluate pairs` as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fairseq_xling.cli.main import main
from fairseq_xling.files import read_lines


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three mined pairs of two small texts, of which the first two are right, and the texts' concept numbers."""
    monkeypatch.chdir(tmp_path)
    Path("x.xx").write_text("casa Rossi\nacqua Bianchi\nvento Verdi\n")
    Path("x.eng").write_text("house Rossi\nwater Bianchi\nwind Verdi\n")
    Path("p.tsv").write_text("1.3\t0\t1\n1.2\t1\t0\n1.1\t2\t2\n")
    Path("xx.ids").write_text("a\nb\nc\n")
    Path("eng.ids").write_text("b\na\nd\n")
    return tmp_path


def scores(capsys: pytest.CaptureFixture[str], arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    assert main(["evaluate", *arguments.split(), "--json"]) == 0
    records = json.loads(capsys.readouterr().out)["scores"]
    return {(record["pair"], record["name"]): record for record in records}


def test_oracle_bucc_with_a_carried_threshold_and_a_curve(
    folder: Path, oracles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = oracles / "bucc"
    found = scores(
        capsys,
        f"bucc --candidates {prefix}/candidates.tsv --gold {prefix}/gold.tsv --curve curve.tsv "
        f"--tune-candidates {prefix}/tie_at_cut.candidates.tsv --tune-gold {prefix}/tie_at_cut.gold.tsv",
    )
    pair = "source-target"
    expected = json.loads((prefix / "expected.json").read_text())
    assert found[pair, "bucc.f1.oracle"]["value"] == pytest.approx(expected["main"]["f1"], abs=1e-9)
    carried = found[pair, "bucc.f1.carried"]["counts"]["threshold"]
    assert carried == pytest.approx(expected["tie_at_cut"]["threshold"], abs=1e-9)
    assert "threshold:tuning-split" in found[pair, "bucc.f1.carried"]["signature"]
    rows = [line.split("\t") for line in read_lines("curve.tsv")]
    assert rows[0] == ["score", "extracted", "precision", "recall", "f1"]
    assert max(rows[1:], key=lambda row: float(row[4]))[1] == str(expected["main"]["extracted"])


def test_bucc_with_line_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("s").write_text("s-1\tone\ns-2\ttwo\ns-3\tthree\n")
    Path("t1").write_text("t-1\tone\nt-2\ttwo\nt-3\tthree\n")
    Path("gold").write_text("s-1\tt-2\ns-3\tt-3\n")
    command = "bucc --candidates p.tsv --gold gold --sentences s t1"
    oracle = scores(capsys, command)["source-target", "bucc.f1.oracle"]
    assert (oracle["counts"]["correct"], oracle["counts"]["extracted"]) == (2, 3)
    found = scores(capsys, f"{command} --tune-candidates p.tsv --tune-sentences s t1 --tune-gold gold")
    assert found["source-target", "bucc.f1.carried"]["value"] == oracle["value"]
    Path("t1").write_text("t-1\tone\n")
    assert main(["evaluate", *command.split()]) == 2
    assert "names line 2, but t1 has 1 lines" in capsys.readouterr().err


def test_pairs_against_ids(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "evaluate pairs --pairs p.tsv --source-ids xx.ids --target-ids eng.ids --cap 1 --threshold 1.1"
    assert main(command.split()) == 0
    out, err = capsys.readouterr()
    assert "p.manifest.json is not there" in err
    scored, made = (part.splitlines() for part in out.split("\n\n"))
    signatures = dict(line.split(" ", 1) for line in made)
    rows = [line.split() for line in scored[1:]]
    assert [(row[1], row[2], signatures[row[3]].split("|")[2]) for row in rows] == [
        ("pairs.precision", "0.6667", "threshold:as-mined"),
        ("pairs.recall", "1.0000", "threshold:as-mined"),
        ("pairs.f1", "0.8000", "threshold:as-mined"),
        ("pairs.precision", "1.0000", "threshold:given-1.1"),
        ("pairs.recall", "1.0000", "threshold:given-1.1"),
        ("pairs.f1", "1.0000", "threshold:given-1.1"),
        ("pairs.precision", "1.0000", "threshold:cap-1"),
        ("pairs.recall", "0.5000", "threshold:cap-1"),
        ("pairs.f1", "0.6667", "threshold:cap-1"),
        ("pairs.precision", "1.0000", "threshold:oracle"),
        ("pairs.recall", "1.0000", "threshold:oracle"),
        ("pairs.f1", "1.0000", "threshold:oracle"),
    ]


def test_the_signature_of_mined_pairs_comes_from_their_manifest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mined = "mine --source x.xx --target x.eng --encoder surface --mining-k 2 --threshold 0 --output mined.tsv"
    assert main(mined.split()) == 0
    command = "pairs --pairs mined.tsv --source-ids xx.ids --target-ids xx.ids"
    capsys.readouterr()
    found = scores(capsys, command)["source-target", "pairs.precision"]
    assert found["value"] == 1
    assert "margin:ratio" in found["signature"]
    assert "mined-threshold:0" in found["signature"]
    with open("mined.tsv", "a") as stream:
        stream.write("0\t0\t1\n")
    assert main(["evaluate", *command.split()]) == 0
    out, err = capsys.readouterr()
    assert "describes another file" in err
    assert "margin:unknown" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("bucc --candidates p.tsv --gold xx.ids --tune-gold p.tsv", "--tune-candidates and --tune-gold go together"),
        ("bucc --candidates p.tsv --gold xx.ids --tune-sentences x y", "goes with --tune-candidates"),
        ("bucc --candidates p.tsv --gold xx.ids", "xx.ids:1: 1 columns"),
        ("pairs --pairs p.tsv --source-ids xx.ids --target-ids none", "none does not exist"),
        ("pairs --pairs x.xx --source-ids xx.ids --target-ids eng.ids", "x.xx:1: 1 columns"),
    ],
)
def test_faults_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str) -> None:
    assert main(["evaluate", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fairseq-xling: error: ")
    assert err.count("\n") == 1
    assert message in err
