"""`convert` as a person runs it."""

from __future__ import annotations

import json

import pytest
from references.written_model import WrittenModel

from fairseq_xling.cli.main import main
from fairseq_xling.files import sha256_file

WORDS = ["convert", "--from", "fairseq", "--to", "fairseq"]
FOREIGN = ["convert", "--from", "huggingface", "--to", "fairseq"]


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
        (
            ["convert", "--from", "fairseq", "--to", "huggingface", ".", "d"],
            ". is a folder, but a checkpoint is a file",
        ),
        ([*FOREIGN, "nowhere", "d"], "nowhere is no folder with a config.json"),
        ([*FOREIGN, ".", "d", "--langs", "aa", "--dict", "x"], "--dict and --langs cannot be used"),
        (["convert", "--from", "huggingface", "--to", "huggingface", ".", "d"], "takes two steps"),
        ([*WORDS, "c", "d", "--lang", "aa"], "--lang is for tokenizers"),
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


def test_there_and_back(written_model: WrittenModel, tmp_path, capsys) -> None:
    data = ["--dict", f"{written_model.data}/dict.txt", "--spm", f"{written_model.data}/spm.model", "--json"]
    there, back, vectors = (str(tmp_path / name) for name in ("hf", "back", "st"))
    said = []
    for words in (
        ["convert", "--from", "fairseq", "--to", "huggingface", str(written_model.checkpoint), there, *data],
        [*FOREIGN, there, back, "--json"],
        ["convert", "--from", "fairseq", "--to", "sentence-transformers", f"{back}/model.pt", vectors, "--json"],
    ):
        assert main(words) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert len({report["weights"] for report in said}) == 1
    assert [report["output"] for report in said] == [there, back, vectors]
    assert said[0]["files"].keys() >= {"config.json", "model.safetensors", "tokenizer.json", "README.md"}
    assert said[1]["files"].keys() == {"dict.txt", "model.pt", "spm.model"}
    assert said[2]["files"].keys() >= {"modules.json", "model.pt", "README.md"}


def test_pieces_that_the_dictionary_lacks_are_said(written_model: WrittenModel, tmp_path, capsys) -> None:
    """A model whose dictionary was cut by frequency; two symbols are given back as words of no meaning."""
    lines = (written_model.data / "dict.txt").read_text().splitlines()
    lines[10:12] = ["madeupword0000 0", "madeupword0001 0"]
    (tmp_path / "dict.txt").write_text("".join(line + "\n" for line in lines))
    words = ["convert", "--from", "fairseq", "--to", "huggingface", str(written_model.checkpoint), str(tmp_path / "hf")]
    files = ["--dict", str(tmp_path / "dict.txt"), "--spm", f"{written_model.data}/spm.model"]
    assert main([*words, *files]) == 0
    assert "2 pieces of the SentencePiece model are not in the dictionary" in capsys.readouterr().err
    assert "2 pieces of the SentencePiece model are not" in (tmp_path / "hf" / "README.md").read_text()
