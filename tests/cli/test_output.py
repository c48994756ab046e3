from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest

from fairseq_xling.cli.output import emit, emit_json, note, progress, table


def test_results_and_words(capsys: pytest.CaptureFixture[str]) -> None:
    emit("result\u2028one")
    note("word")
    assert capsys.readouterr() == ("result\u2028one\n", "word\n")


def test_json_is_one_object_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    emit_json({"n": np.int64(3), "f": np.float32(0.5), "rows": np.arange(2), "nan": float("nan"), "text": "à\n"})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "à" in out
    assert json.loads(out) == {"n": 3, "f": 0.5, "rows": [0, 1], "nan": "nan", "text": "à\n"}


def test_table_aligns_words_left_and_numbers_right() -> None:
    rows = [("eng-fur", 3301, 0.5), ("lij-lmo", 7, 12.25)]
    assert table(rows, ["pair", "n", "score"]).split("\n") == [
        "pair        n    score",
        "eng-fur  3301   0.5000",
        "lij-lmo     7  12.2500",
    ]
    assert table([("a", "-1.5%"), ("bb", "20%")], ["x", "share"]).split("\n") == ["x   share", "a   -1.5%", "bb    20%"]
    assert table([], ["x", "y"]) == "x  y"


class Terminal(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_for_a_person_only(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    screen = Terminal(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    with progress(10, "row", "mining") as bar:
        bar.update(10)
    assert ("mining" in screen.getvalue()) is terminal
    assert terminal or screen.getvalue() == ""
