"""The options of chance as a person gives them, on every kind of score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairseq_xling.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, lines in {"s": "abc", "t": "bac", "ids": "123", "gold": ["a\tb", "c\tc"]}.items():
        Path(name).write_text("".join(f"{line}\n" for line in lines))
    Path("p.tsv").write_text("1.3\t0\t0\n1.2\t1\t1\n1.1\t2\t0\n")
    Path("c.tsv").write_text("1.3\ta\tb\n1.2\tb\tb\n1.1\tc\tc\n")
    np.save("x.npy", np.eye(3, dtype=np.float32) + 0.1)
    np.save("y.npy", np.eye(3, dtype=np.float32)[[0, 1, 1]] + 0.1)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        "tatoeba --source x.npy --target y.npy",
        "xsim --source x.npy --target y.npy --mining-k 2",
        "pairs --pairs p.tsv --source-ids ids --target-ids ids",
        "bucc --candidates c.tsv --gold gold",
        "translation --hypothesis s --reference t --source s --metrics bleu chrf ter",
    ],
)
def test_every_directed_score_has_an_interval(folder: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    def scored(more: str) -> list[dict[str, Any]]:
        assert main(["evaluate", *command.split(), *more.split(), "--json"]) == 0
        return [record for record in json.loads(capsys.readouterr().out)["scores"] if record["pair"] != "*"]

    plain, sure, again = scored(""), scored("--bootstrap 200"), scored("--bootstrap 200 --bootstrap-seed 1")
    assert sure == again
    assert len(plain) == len(sure) > 0
    for without, with_interval in zip(plain, sure, strict=True):
        added = {key: with_interval["counts"].pop(key) for key in ("low", "high", "bootstrap", "bootstrap_seed")}
        assert with_interval == without
        assert added["low"] <= without["value"] <= added["high"]
        assert (added["bootstrap"], added["bootstrap_seed"]) == (200, 1)
