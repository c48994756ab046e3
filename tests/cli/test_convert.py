"""`convert` as a person runs it."""

from __future__ import annotations

import json

import pytest
from references.written_model import WrittenModel

from fairseq_xling.cli.main import main
from fairseq_xling.files import sha256_file

WORDS = ["convert", "--from", "fairseq", "--to", "fairseq"]


def test_a_folder_with_all_it_takes(written_model: WrittenModel, tmp_path, capsys) -> None:
    data = ["--dict", f"{written_model.data}/dict.txt", "--spm", f"{written_model.data}/spm.model"]
    assert main([*WORDS, str(written_model.checkpoint), str(tmp_path / "d"), *data, "--json"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert report["files"] == {
        path.name: sha256_file(path) for path in (tmp_path / "d").iterdir() if path.suffix != ".json"
    }
    assert len(report["weights"]) == 64
    assert "fairseq to fairseq: dict.txt, model.pt, spm.model in" in captured.err
    text = tmp_path / "text"
    text.write_text("one\n")
    assert main(["encode", "--checkpoint", str(tmp_path / "d" / "model.pt"), "--lang", "aa", "--input", str(text),
                 "--output", str(tmp_path / "vectors")]) == 0  # fmt: skip


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([*WORDS, "none.pt", "d"], "none.pt"),
        (["convert", "--from", "marian", "--to", "fairseq", "c", "d"], "invalid choice: 'marian'"),
        (WORDS, "the following arguments are required: SRC, DST"),
    ],
)
def test_faults_are_one_line(tmp_path, monkeypatch, capsys, words: list[str], fault: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    err = capsys.readouterr().err
    assert fault in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_way_is_refused(written_model: WrittenModel, tmp_path, capsys) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine").write_text("x")
    assert (
        main([*WORDS, str(written_model.checkpoint), str(tmp_path / "d"), "--dict", f"{written_model.data}/dict.txt"])
        == 2
    )
    assert "is in the way" in capsys.readouterr().err
    assert (tmp_path / "d" / "mine").is_file()
