"""Faults of the texts are found before anything starts."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from fairseq_xling.errors import ConfigError
from fairseq_xling.rounds.texts import check_texts, count_lines


@pytest.mark.parametrize(("text", "count"), [("", 0), ("a", 1), ("a\n", 1), ("a\n\nb", 3), ("\n" * 5, 5)])
def test_lines(tmp_path: Path, text: str, count: int) -> None:
    (tmp_path / "t").write_text(text)
    (tmp_path / "t.gz").write_bytes(gzip.compress(text.encode()))
    assert count_lines(tmp_path / "t") == count_lines(tmp_path / "t.gz") == count


def test_good_ones(read) -> None:
    check_texts(read())


def test_all_faults_at_once(read, tmp_path: Path) -> None:
    (tmp_path / "ids.aa").write_text("1\n")
    (tmp_path / "test.bb").write_text("1\n2\n3")
    with pytest.raises(ConfigError, match=r"ids.aa has 1 lines, but `mono` has 4.*`test` .* aa 2, bb 3, cc 2"):
        check_texts(read())


def test_empty_and_missing(read, tmp_path: Path) -> None:
    (tmp_path / "dev.aa").write_text("")
    (tmp_path / "empty.gz").write_bytes(gzip.compress(b""))
    languages = {"aa": {"mono": "empty.gz", "dev": "dev.aa"}, "bb": {"sentences": 3}}
    with pytest.raises(ConfigError) as caught:
        check_texts(read(languages=languages))
    assert [fault.split(" ")[0:2] for fault in caught.value.faults] == [
        ["languages:", "bb:"],
        *[["languages:", "aa:"]] * 2,
    ]
