"""`evaluate translation` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sacrebleu

from fairseq_xling.cli.main import main

TEXTS = {
    "eng": ["the house of Rossi is old and red", "the water is cold in winter", "a wind came from the north"],
    "xx": ["la casa di Rossi è vecchia e rossa", "l'acqua è fredda in inverno", "un vento venne dal nord"],
    "out.eng": ["the house of Rossi is old", "the water is hot in winter", "a wind came from the north"],
    "out.xx": ["la casa di Rossi è vecchia", "l'acqua è calda in inverno", "un vento viene dal sud"],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A text in two languages, its translations in both directions, and the file that names them."""
    monkeypatch.chdir(tmp_path)
    for name, lines in TEXTS.items():
        Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    Path("d.tsv").write_text("xx\teng\txx\tout.eng\teng\neng\txx\teng\tout.xx\txx\n", encoding="utf-8")
    return tmp_path


def scores(capsys: pytest.CaptureFixture[str], arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    assert main(["evaluate", "translation", *arguments.split(), "--json"]) == 0
    records = json.loads(capsys.readouterr().out)["scores"]
    return {(record["pair"], record["name"]): record for record in records}


def test_one_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scores(
        capsys,
        "--hypothesis out.eng --reference eng --source xx --source-language xx --target-language eng --split dev "
        "--metrics bleu ter --unshared",
    )
    assert list(found) == [("xx-eng", name) for name in ("bleu", "bleu.unshared", "copy.bleu", "ter", "ter.unshared")]
    expected = sacrebleu.corpus_bleu(TEXTS["out.eng"], [TEXTS["eng"]])
    assert found["xx-eng", "bleu"]["value"] == expected.score
    assert found["xx-eng", "bleu"]["split"] == "dev"
    # Rossi stands on both sides of the first line, `in` on both of the second.
    assert found["xx-eng", "bleu.unshared"]["counts"]["sentences"] == 1
    assert found["xx-eng", "bleu.unshared"]["value"] == pytest.approx(100)
    plain = scores(capsys, "--hypothesis out.eng --reference eng")
    assert list(plain) == [("source-target", "bleu"), ("source-target", "chrf")]


def test_all_directions_make_a_matrix_and_a_mean(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "translation", "--directions", "d.tsv"]) == 0
    out = capsys.readouterr().out
    values = [sacrebleu.corpus_bleu(TEXTS[f"out.{x}"], [TEXTS[x]]).score for x in ("eng", "xx")]
    lines = [line.split() for line in out.split("\n\n")[0].splitlines()]
    assert lines == [["bleu", "xx", "eng"], ["xx", f"{values[0]:.2f}"], ["eng", f"{values[1]:.2f}"]]
    assert out.split("\n\n")[0].splitlines()[1].endswith(f"{values[0]:.2f}")
    assert ["*", "bleu", f"{sum(values) / 2:.4f}", "[1]", "directions", "2"] in [
        line.split() for line in out.splitlines()
    ]
    assert "[1] nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|sacrebleu:" in out
    found = scores(capsys, "--directions d.tsv --metrics bleu chrf ter")
    assert found["*", "bleu"]["value"] == pytest.approx(sum(values) / 2)
    assert {pair for pair, _ in found} == {"xx-eng", "eng-xx", "*"}
    assert {name for _, name in found} == {"bleu", "chrf", "ter", "copy.bleu"}


def test_a_baseline_is_tested_against(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scores(capsys, "--hypothesis out.eng --reference eng --baseline xx --bootstrap 40 --bootstrap-seed 2")
    counts = found["source-target", "bleu"]["counts"]
    assert counts["baseline"] == sacrebleu.corpus_bleu(TEXTS["xx"], [TEXTS["eng"]]).score
    assert 0 < counts["p"] <= 1
    assert counts["bootstrap"] == 40
    assert (
        "low"
        not in scores(capsys, "--hypothesis out.eng --reference eng --baseline xx")["source-target", "bleu"]["counts"]
    )


def test_nothing_unshared_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "evaluate translation --hypothesis out.eng --reference eng --source eng --metrics chrf --unshared"
    assert main(command.split()) == 0
    out, err = capsys.readouterr()
    assert "unshared" not in out
    assert err == "source-target: source and reference share a word in every sentence, so nothing is left to score\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "give --hypothesis and --reference, or --directions"),
        ("--hypothesis out.eng", "give --hypothesis and --reference"),
        ("--hypothesis out.eng --reference eng --unshared", "--unshared needs --source"),
        ("--directions d.tsv --source xx", "--source and --directions exclude each other"),
        ("--directions d.tsv --baseline xx", "--baseline and --directions exclude each other"),
        ("--hypothesis out.eng --reference eng --baseline short", "short has 2 lines, but eng has 3"),
        ("--hypothesis none --reference eng", "none does not exist"),
        ("--hypothesis short --reference eng", "short has 2 lines, but eng has 3"),
        ("--hypothesis out.eng --reference eng --source short", "short has 2 lines, but eng has 3"),
        ("--hypothesis empty --reference empty", "at least one line"),
        ("--directions empty", "empty names no text"),
        ("--directions eng", "3 faults: eng:1 is not `source language TAB"),
        ("--directions twice", "twice:2: xx-eng was there before"),
        ("--hypothesis out.eng --reference eng --tokenize 13b", "unknown tokenize `13b` (did you mean `13a`?)"),
    ],
)
def test_faults_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str) -> None:
    Path("short").write_text("a\nb\n")
    Path("empty").write_text("")
    Path("twice").write_text("xx\teng\txx\tout.eng\teng\n" * 2)
    assert main(["evaluate", "translation", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fairseq-xling: error: ")
    assert err.count("\n") == 1
    assert message in err
