from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation import readers


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_tatoeba_pairs_and_lines(tmp_path: Path) -> None:
    for name, text in {"deu-eng.deu": "a\u2028b\nc\n", "deu-eng.eng": "A\nC\n", "tur-eng.eng": "x\n"}.items():
        write(tmp_path / f"tatoeba.{name}", text)
    for other in ("README", "tatoeba.deu-eng.deu.npy", "tatoeba.notes", "tatoeba.-eng.eng"):
        write(tmp_path / other, "")
    assert readers.tatoeba_pairs(tmp_path) == [("deu", "eng"), ("tur", "eng")]
    assert readers.read_tatoeba(tmp_path, ("deu", "eng")) == (["a\u2028b", "c"], ["A", "C"])
    with pytest.raises(CorpusError, match=r"tatoeba\.tur-eng\.tur does not exist"):
        readers.read_tatoeba(tmp_path, ("tur", "eng"))
    write(tmp_path / "tatoeba.tur-eng.tur", "x\ny\n")
    with pytest.raises(CorpusError, match="has 2 lines, but .* has 1"):
        readers.read_tatoeba(tmp_path, ("tur", "eng"))


def test_a_folder_without_tatoeba_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="has no files named"):
        readers.tatoeba_pairs(tmp_path)
    with pytest.raises(CorpusError, match="is not a folder"):
        readers.tatoeba_pairs(tmp_path / "none")


def test_gold_and_candidates(tmp_path: Path) -> None:
    assert readers.read_gold(write(tmp_path / "gold", "a\tx\nb\ty\na\tx\n")) == {("a", "x"), ("b", "y")}
    scores, pairs = readers.read_candidates(write(tmp_path / "c", "1.5\ta\tx\n-2\tb\ty\tforward\t0\n"))
    assert scores.tolist() == [1.5, -2.0]
    assert pairs == [("a", "x"), ("b", "y")]
    assert [len(column) for column in readers.read_candidates(write(tmp_path / "empty", ""))] == [0, 0]
    with pytest.raises(CorpusError, match=r"gold:2: 1 columns instead of `source id TAB target id`"):
        readers.read_gold(write(tmp_path / "gold", "a\tx\nb\n"))
    with pytest.raises(CorpusError, match=r"c:1: the score `x` is not a number"):
        readers.read_candidates(write(tmp_path / "c", "x\ta\tb\n"))


def test_mined_pairs_hold_line_numbers(tmp_path: Path) -> None:
    scores, sources, targets = readers.read_mined(write(tmp_path / "m", "1.5\t3\t0\n"))
    assert (scores.tolist(), sources.tolist(), targets.tolist()) == ([1.5], [3], [0])
    assert sources.dtype == np.int64
    for wrong in ("a b", "-1", "1.0", "²", ""):
        with pytest.raises(CorpusError, match=r"m:2: `.*` is not a line number"):
            readers.read_mined(write(tmp_path / "m", f"1.5\t3\t0\n1.2\t{wrong}\t0\n"))


def test_bucc_sentences(tmp_path: Path) -> None:
    found = readers.read_sentences(write(tmp_path / "s", "fr-1\ta\tb\nfr-2\t\n"))
    assert found == (["fr-1", "fr-2"], ["a\tb", ""])
    with pytest.raises(CorpusError, match=r"s:2: no TAB"):
        readers.read_sentences(write(tmp_path / "s", "fr-1\ta\nfr-2\n"))
    with pytest.raises(CorpusError, match=r"s:2: the id fr-1 was there before"):
        readers.read_sentences(write(tmp_path / "s", "fr-1\ta\nfr-1\tb\n"))


def test_concepts(tmp_path: Path) -> None:
    assert readers.read_concepts(write(tmp_path / "ids", "7\n7\nx\n")) == ["7", "7", "x"]
    with pytest.raises(CorpusError, match=r"ids:2: no concept number"):
        readers.read_concepts(write(tmp_path / "ids", "7\n\nx\n"))


@pytest.mark.parametrize(
    ("names", "split", "codes"),
    [
        (["devtest/eng_Latn.devtest", "devtest/fur_Latn.devtest", "dev/eng_Latn.dev", "README"], "devtest", 2),
        (["devtest/devtest.eng_Latn", "devtest/devtest.arb_Arab_najd1235", "dev/dev.eng_Latn"], "devtest", 2),
        (["eng_Latn.dev", "fur_Latn.dev.gz", "fur_Latn.dev.npy"], "dev", 2),
        (
            ["newstest2019-src.eng.txt", "newstest2019-ref.deu.txt", "newstest2019-ref.fuc-x.txt", "LANGUAGES.tsv"],
            "t",
            3,
        ),
        (["test.eng", "test.fur", "dev.eng", "test.fur.npy", "mono.eng.ids", "test.txt"], "test", 2),
    ],
)
def test_folders_of_parallel_texts(tmp_path: Path, names: list[str], split: str, codes: int) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, "a\nb\n")
    found = readers.parallel_files(tmp_path, split)
    assert len(found) == codes
    assert all(code.partition("_")[0] in path.name for code, path in found.items())
    assert any(code.startswith("eng") for code in found)


def test_parallel_texts_have_as_many_lines(tmp_path: Path) -> None:
    files = {code: write(tmp_path / f"test.{code}", text) for code, text in {"a": "1\n2\n", "b": "1\n2\n"}.items()}
    assert readers.read_parallel(files) == {"a": ["1", "2"], "b": ["1", "2"]}
    write(tmp_path / "test.b", "1\n")
    with pytest.raises(CorpusError, match=r"test\.b has 1 lines, but .*test\.a has 2"):
        readers.read_parallel(files)
    with pytest.raises(CorpusError, match="has no texts of split devtest: .*Name the split"):
        readers.parallel_files(tmp_path, "devtest")
    with pytest.raises(CorpusError, match="is not a folder"):
        readers.parallel_files(tmp_path / "none", "dev")
