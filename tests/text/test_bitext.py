from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from xml.dom import minidom

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.errors import CorpusError
from fairseq_xling.text.bitext import (
    SentencePair,
    iterate_moses,
    iterate_tmx,
    iterate_tsv,
    write_moses,
    write_tmx,
    write_tsv,
)

# Every kind of character that some reader takes for a line end, a separator or markup.
SPECIAL = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\ufeff\u00a0\x00 &<>\"']]>é𝔘"
sentence = st.text(alphabet=st.one_of(st.sampled_from(SPECIAL), st.characters(exclude_categories=["Cs"])), max_size=20)
line = sentence.filter(lambda text: "\n" not in text and "\t" not in text)
xml_sentence = sentence.map(
    lambda text: "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))
)
score = st.integers(-(10**9), 10**9).map(lambda value: round(value / 10**7, 7))


def pairs_of(text: st.SearchStrategy[str]) -> st.SearchStrategy[list[SentencePair]]:
    kinds = (st.tuples(text, text), st.tuples(text, text, score))
    return st.one_of(st.lists(kind.map(lambda cells: SentencePair(*cells)), max_size=6) for kind in kinds)


@given(pairs_of(line), st.sampled_from(["", ".gz"]))
def test_tsv_round_trip(pairs: list[SentencePair], ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"pairs.tsv{ending}"
        assert write_tsv(path, pairs) == len(pairs)
        assert list(iterate_tsv(path)) == pairs


@given(pairs_of(line | st.just("a\tb")), st.sampled_from(["", ".gz"]))
def test_moses_round_trip(pairs: list[SentencePair], ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / f"x.fur{ending}", Path(folder) / f"x.eng{ending}"
        assert write_moses(*paths, pairs) == len(pairs)
        assert list(iterate_moses(*paths)) == [pair._replace(score=None) for pair in pairs]


@given(pairs_of(xml_sentence), st.sampled_from(["", ".gz"]))
def test_tmx_round_trip(pairs: list[SentencePair], ending: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"pairs.tmx{ending}"
        assert write_tmx(path, pairs, "fur", "eng") == len(pairs)
        assert list(iterate_tmx(path, "fur", "eng")) == pairs


def test_a_tmx_file_is_what_another_parser_reads(tmp_path: Path) -> None:
    write_tmx(tmp_path / "pairs.tmx", [SentencePair("a <b> & \u2028\x85", "]]>\r", 1.07)], 'x"<', "eng")
    unit = minidom.parse(str(tmp_path / "pairs.tmx")).getElementsByTagName("tu")[0]
    assert [seg.firstChild.data for seg in unit.getElementsByTagName("seg")] == ["a <b> & \u2028\x85", "]]>\r"]
    assert [tuv.getAttribute("xml:lang") for tuv in unit.getElementsByTagName("tuv")] == ['x"<', "eng"]
    assert unit.getElementsByTagName("prop")[0].firstChild.data == "1.0700000"


FOREIGN = """<?xml version="1.0"?><!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="EN-us"/><body>
<tu><tuv xml:lang="EN-us"><seg>one <bpt i="1">&lt;b&gt;</bpt><hi>bold</hi><ept i="1">&lt;/b&gt;</ept> word</seg></tuv>
<tuv xml:lang="it"><seg>uno</seg></tuv><tuv xml:lang="it"><seg>un altro</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>exact</seg></tuv><tuv lang="IT"><seg/></tuv></tu>
<tu><tuv xml:lang="en"><seg>alone</seg></tuv></tu>
</body></tmx>"""


def test_a_foreign_tmx_file(tmp_path: Path) -> None:
    (tmp_path / "foreign.tmx").write_text(FOREIGN, encoding="utf-8")
    expected = [SentencePair("one bold word", "uno"), SentencePair("exact", "")]
    assert list(iterate_tmx(tmp_path / "foreign.tmx", "en", "it")) == expected
    with pytest.raises(CorpusError, match="no unit in both en and de, only EN-us, IT, en, it"):
        list(iterate_tmx(tmp_path / "foreign.tmx", "en", "de"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<tmx><body><tu>", r"bad\.tmx:1: not well-formed"),
        ("", r"bad\.tmx:1: not well-formed"),
        ("<xliff/>", "outermost element is <xliff>"),
        ('<tmx><tu><prop type="score">x</prop><tuv lang="a"><seg/></tuv><tuv lang="b"><seg/></tuv></tu></tmx>', "`x`"),
    ],
)
def test_what_is_not_tmx_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "bad.tmx").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        list(iterate_tmx(tmp_path / "bad.tmx", "a", "b"))


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(FOREIGN.encode() * 20)
    (tmp_path / "cut.tmx.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorpusError, match="not a complete gzip file"):
        list(iterate_tmx(tmp_path / "cut.tmx.gz", "en", "it"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\nc\n", r":2: 1 columns instead of `source TAB target`"),
        ("1.0\ta\tb\n1.0\ta\tb\tc\n", r":2: 4 columns"),
        ("a\n", r":1: 1 columns"),
        ("good\ta\tb\n", r":1: the score `good` is not a number"),
        ("nan\ta\tb\n", r":1: the score `nan` is not a number"),
    ],
)
def test_a_broken_tsv_names_its_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "pairs.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        list(iterate_tsv(tmp_path / "pairs.tsv"))


def test_moses_files_of_different_length_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1\n2\n")
    (tmp_path / "b").write_text("1\n")
    with pytest.raises(CorpusError, match="b ends after line 1, but .*a goes on"):
        list(iterate_moses(tmp_path / "a", tmp_path / "b"))
    with pytest.raises(CorpusError, match="b ends after line 1, but .*a goes on"):
        list(iterate_moses(tmp_path / "b", tmp_path / "a"))


def test_what_a_format_cannot_carry_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    good = SentencePair("a", "b")
    with pytest.raises(CorpusError, match=r"pairs\.tsv:2: the target sentence holds a TAB"):
        write_tsv(tmp_path / "pairs.tsv", [good, SentencePair("a", "b\tc")])
    with pytest.raises(CorpusError, match=r"pairs\.tsv:1: the source sentence holds a line break"):
        write_tsv(tmp_path / "pairs.tsv", [SentencePair("a\n", "b")])
    with pytest.raises(CorpusError, match=r"pairs\.tsv:2: some pairs have a score"):
        write_tsv(tmp_path / "pairs.tsv", [good, SentencePair("a", "b", 1.0)])
    with pytest.raises(CorpusError, match="line break"):
        write_moses(tmp_path / "a", tmp_path / "b", [good, SentencePair("a", "b\nc")])
    with pytest.raises(CorpusError, match=r"pair 1 holds U\+0000, which XML cannot carry"):
        write_tmx(tmp_path / "pairs.tmx", [SentencePair("\0", "b")], "a", "b")
    assert list(tmp_path.iterdir()) == []
