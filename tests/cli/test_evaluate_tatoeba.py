"""`evaluate tatoeba` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairseq_xling.cli.main import main

SHORT = "--baseline-source x.xx.npy --baseline-target short.npy"


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


def test_tatoeba_of_vectors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scores(
        capsys,
        "tatoeba --source x.xx.npy --target x.eng.npy --source-text x.xx --target-text x.eng "
        "--source-language xx --target-language eng --split dev",
    )
    assert found["xx-eng", "tatoeba.accuracy"]["value"] == pytest.approx(2 / 3)
    assert found["xx-eng", "tatoeba.accuracy"]["split"] == "dev"
    assert found["xx-eng", "tatoeba.accuracy"]["counts"] == {"right": 2, "sentences": 3}
    assert found["*", "tatoeba.accuracy"]["counts"] == {"directions": 2}
    assert found["eng-xx", "tatoeba.xtreme"]["value"] == found["eng-xx", "tatoeba.accuracy"]["value"]
    assert found["xx-eng", "tatoeba.accuracy@5.textual"]["value"] == 1


def test_tatoeba_of_spelling(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scores(capsys, "tatoeba --source x.xx --target x.eng --encoder surface --at 1 --compare index")
    assert {key: record["value"] for key, record in found.items()} == {
        ("source-target", "surface.accuracy"): 1,
        ("target-source", "surface.accuracy"): 1,
        ("*", "surface.accuracy"): 1,
    }
    assert found["*", "surface.accuracy"]["signature"].startswith("encoder:surface|ngrams:2-4|")


def test_tatoeba_of_sentences_that_share_no_word(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.eng").write_text("house Rossi\nwater white\nwind green\n")
    texts = "--source-text x.xx --target-text x.eng"
    found = scores(capsys, f"tatoeba --source x.xx.npy --target x.eng.npy {texts} --at 1 --unshared")
    assert found["source-target", "tatoeba.accuracy.unshared"]["counts"] == {"right": 1, "sentences": 2, "of": 3}
    assert found["*", "tatoeba.accuracy.unshared"]["value"] == pytest.approx(0.5)
    found = scores(capsys, "tatoeba --source x.xx --target x.eng --encoder surface --at 1 --compare index --unshared")
    assert found["source-target", "surface.accuracy.unshared"]["counts"]["of"] == 3
    Path("x.eng").write_text("house Rossi\nwater Bianchi\nwind Verdi\n")
    assert main(f"evaluate tatoeba --source x.xx.npy --target x.eng.npy {texts} --unshared".split()) == 0
    assert "source-target: every sentence shares a word" in capsys.readouterr().err


@pytest.mark.parametrize("vectors", ["--vectors t", "--encoder surface"])
def test_a_folder_of_test_sets(folder: Path, capsys: pytest.CaptureFixture[str], vectors: str) -> None:
    found = scores(capsys, f"tatoeba --folder t {vectors} --at 1 --compare textual")
    name = "surface.accuracy.textual" if "surface" in vectors else "tatoeba.accuracy.textual"
    assert list(found) == [("xx-eng", name), ("eng-xx", name), ("*", name)]
    assert found["xx-eng", name]["value"] == pytest.approx(1 if "surface" in vectors else 2 / 3)


def test_a_baseline_of_vectors_or_of_spelling(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("eye.npy", np.eye(3, dtype=np.float32))
    vectors = "tatoeba --source x.xx.npy --target x.eng.npy --at 1 --compare index"
    tested = {"baseline": 1.0, "only_here": 0, "only_baseline": 1, "p": 1.0}
    found = scores(capsys, f"{vectors} --baseline-source eye.npy --baseline-target eye.npy")
    assert found["source-target", "tatoeba.accuracy"]["counts"] == {"right": 2, "sentences": 3, **tested}
    texts = "--source-text x.xx --target-text x.eng --baseline-encoder surface"
    assert scores(capsys, f"{vectors} {texts}")["source-target", "tatoeba.accuracy"]["counts"]["only_baseline"] == 1
    for baseline in ("--baseline-encoder surface", "--baseline-vectors eye"):
        Path("eye").mkdir(exist_ok=True)
        for language in ("xx", "eng"):
            np.save(f"eye/tatoeba.xx-eng.{language}.npy", np.eye(3, dtype=np.float32))
        found = scores(capsys, f"tatoeba --folder t --vectors t --at 1 --compare index {baseline}")
        assert found["xx-eng", "tatoeba.accuracy"]["counts"]["only_baseline"] == 1


def test_intervals_stand_in_the_counts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = scores(capsys, "tatoeba --folder t --vectors t --at 1 --bootstrap 50 --bootstrap-seed 3")
    counts = found["xx-eng", "tatoeba.accuracy"]["counts"]
    assert (counts["bootstrap"], counts["bootstrap_seed"]) == (50, 3)
    assert 0 <= counts["low"] < 2 / 3 < counts["high"] <= 1
    assert "low" not in found["*", "tatoeba.accuracy"]["counts"]


def test_averages_over_named_languages(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for language in ("yy", "eng"):
        Path(f"t/tatoeba.yy-eng.{language}").write_text("a\nb\nc\n")
        np.save(f"t/tatoeba.yy-eng.{language}.npy", np.eye(3, dtype=np.float32))
    Path("both").write_text("xx\nyy\n\n")
    Path("one").write_text("yy\n")
    found = scores(capsys, "tatoeba --folder t --vectors t --at 1 --compare index --average both=both one=one")
    assert found["*-eng", "tatoeba.accuracy.both"]["value"] == pytest.approx((2 / 3 + 1) / 2)
    assert found["*-eng", "tatoeba.accuracy.both"]["counts"] == {"directions": 2, "languages": 2}
    assert found["*", "tatoeba.accuracy.one"]["value"] == 1
    assert found["eng-*", "tatoeba.xtreme.one"]["value"] == 1
    assert ("*", "tatoeba.xtreme.one") not in found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("tatoeba", "give either --folder or both --source and --target"),
        ("tatoeba --source x.xx.npy", "--source and --target go together"),
        ("tatoeba --folder t --vectors t --encoder surface --source-text x.xx", "2 faults"),
        ("tatoeba --source x.xx.npy --target x.eng.npy --vectors t", "--vectors goes with --folder"),
        ("tatoeba --source x.xx.npy --target x.eng.npy --average a=b --baseline-vectors t", "2 faults: --average goes"),
        (
            "tatoeba --source x.xx.npy --target x.eng.npy --baseline-source x.xx.npy",
            "and --baseline-target go together",
        ),
        ("tatoeba --folder t --vectors t --baseline-source a --baseline-target b", "give --baseline-vectors"),
        ("tatoeba --folder t --vectors t --baseline-vectors t --baseline-encoder surface", "several baselines"),
        ("tatoeba --source x.xx.npy --target x.eng.npy --baseline-encoder surface", "reads the texts"),
        ("tatoeba --folder t --vectors t --average xtreme-36", "36 of these 36 have no test set: afr, ara"),
        ("tatoeba --folder t --vectors t --average laser-14", "--average laser-14 is not known"),
        ("tatoeba --folder t --vectors t --average mine=none", "none does not exist"),
        (
            "tatoeba --folder t --vectors short",
            "short/tatoeba.xx-eng.eng has 2 sentences, but",
        ),
        (f"tatoeba --source x.xx.npy --target x.eng.npy {SHORT}", "short.npy has 2 sentences, but x.xx.npy has 3"),
        ("tatoeba --folder t --vectors t --bootstrap 0", "`bootstrap` must be at least 1, but is 0"),
        ("tatoeba --source x.xx.npy --target x.eng.npy --compare textual", "needs the lines of both sides"),
        ("tatoeba --source x.xx.npy --target x.eng.npy --source-text x.xx", "go together"),
    ],
)
def test_faults_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str], arguments: str, message: str) -> None:
    Path("short").mkdir()
    np.save("short/tatoeba.xx-eng.xx.npy", np.eye(3, dtype=np.float32))
    for name in ("short/tatoeba.xx-eng.eng.npy", "short.npy"):
        np.save(name, np.eye(2, dtype=np.float32))
    assert main(["evaluate", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fairseq-xling: error: ")
    assert err.count("\n") == 1
    assert message in err
