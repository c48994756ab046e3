"""`evaluate` as a person runs it: the table, the JSON object, the sub-verbs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairseq_xling.cli.evaluate import _KINDS
from fairseq_xling.cli.main import main
from fairseq_xling.signatures import signature


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A command that scores three mined pairs, of which the first two are right."""
    monkeypatch.chdir(tmp_path)
    Path("p.tsv").write_text("1.3\t0\t1\n1.2\t1\t0\n1.1\t2\t2\n")
    Path("xx.ids").write_text("a\nb\nc\n")
    Path("eng.ids").write_text("b\na\nd\n")
    return "evaluate pairs --pairs p.tsv --source-ids xx.ids --target-ids eng.ids --source-language xx"


def test_the_table_has_a_line_a_score_and_every_signature_once(pairs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(pairs.split()) == 0
    scores, _, signatures = capsys.readouterr().out.partition("\n\n")
    rows = [line.split(maxsplit=4) for line in scores.splitlines()]
    assert rows == [
        ["pair", "score", "value", "how", "counts"],
        ["xx-target", "pairs.precision", "0.6667", "[1]", "extracted 3, correct 2, gold 2"],
        ["xx-target", "pairs.recall", "1.0000", "[1]", "extracted 3, correct 2, gold 2"],
        ["xx-target", "pairs.f1", "0.8000", "[1]", "extracted 3, correct 2, gold 2"],
        ["xx-target", "pairs.precision", "1.0000", "[2]", "threshold 1.15, extracted 2, correct 2, gold 2"],
        ["xx-target", "pairs.recall", "1.0000", "[2]", "threshold 1.15, extracted 2, correct 2, gold 2"],
        ["xx-target", "pairs.f1", "1.0000", "[2]", "threshold 1.15, extracted 2, correct 2, gold 2"],
    ]
    assert signatures.splitlines() == [
        f"[1] {signature(margin='unknown', split='mono', threshold='as-mined')}",
        f"[2] {signature(margin='unknown', split='mono', threshold='oracle')}",
    ]


def test_json_is_one_object_with_everything(pairs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*pairs.split(), "--split", "all", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    first = json.loads(out)["scores"][0]
    assert first["name"] == "pairs.precision"
    assert first["split"] == "all"
    assert first["counts"]["recall"] == 1


def test_what_to_score_must_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["evaluate"], ["evaluate", "everything"]):
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert "see fairseq-xling evaluate --help" in captured.err


def test_help_shows_a_command_of_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"fairseq-xling evaluate {kind} " in text for kind in _KINDS)
