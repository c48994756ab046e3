from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from fairseq_xling.errors import CorpusError, MissingDependencyError
from fairseq_xling.text.identification import fasttext_identifier


def inner_predict(line: str, count: int, least: float, on_bad_text: str) -> list[tuple[float, str]]:
    """As fastText's: it refuses a text without its final newline and answers nothing to nothing."""
    assert line.endswith("\n")
    assert line.count("\n") == count == 1
    return [(0.9, "__label__fur_Latn" if "cjase" in line else "__label__en")] if line.strip() else []


def load_model(path: str) -> SimpleNamespace:
    if Path(path).stat().st_size == 0:
        raise ValueError("wrong file format!")
    return SimpleNamespace(f=SimpleNamespace(predict=inner_predict))


def test_labels_become_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fasttext", SimpleNamespace(load_model=load_model))
    (tmp_path / "lid.bin").write_bytes(b"model")
    identify = fasttext_identifier(tmp_path / "lid.bin")
    assert [identify(line) for line in ("cjase", "house\nhome", "")] == ["fur", "en", ""]
    (tmp_path / "empty.bin").touch()
    with pytest.raises(CorpusError, match=r"empty\.bin is not a fastText model \(wrong file format!\)"):
        fasttext_identifier(tmp_path / "empty.bin")
    with pytest.raises(CorpusError, match=r"no\.bin is not a file"):
        fasttext_identifier(tmp_path / "no.bin")


def test_without_the_package_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fasttext", None)
    (tmp_path / "lid.bin").write_bytes(b"model")
    with pytest.raises(MissingDependencyError, match="pip install fasttext"):
        fasttext_identifier(tmp_path / "lid.bin")
