"""Mined pairs and their file."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.errors import CorpusError
from fairseq_xling.mining.pairs import MinedPairs, canonical_order, read_pairs, refuse_tabs

PAIRS = MinedPairs(np.array([1.5, 1.25]), np.array([3, 0]), np.array([1, 2]))


def test_ids_are_written_with_seven_decimals_and_read_back(tmp_path):
    PAIRS.write(tmp_path / "p.tsv")
    assert (tmp_path / "p.tsv").read_bytes() == b"1.5000000\t3\t1\n1.2500000\t0\t2\n"
    back = read_pairs(tmp_path / "p.tsv")
    assert (back.scores.tolist(), back.source_ids.tolist(), back.target_ids.tolist()) == ([1.5, 1.25], [3, 0], [1, 2])


def test_texts_are_written_as_they_are(tmp_path):
    source, target = ["zero\u2028", "", "", "three \r"], ["", "one\x85", " two "]
    PAIRS.write(tmp_path / "p.tsv.gz", source, target)
    content = gzip.decompress((tmp_path / "p.tsv.gz").read_bytes()).decode()
    assert content == "1.5000000\tthree \r\tone\x85\n1.2500000\tzero\u2028\t two \n"


def test_direction_and_rank_are_written_and_read(tmp_path):
    pairs = MinedPairs(PAIRS.scores, PAIRS.source_ids, PAIRS.target_ids, np.array([1, 0], np.int8), np.array([0, 2]))
    pairs.write(tmp_path / "p.tsv")
    assert (tmp_path / "p.tsv").read_text() == "1.5000000\t3\t1\tbackward\t0\n1.2500000\t0\t2\tforward\t2\n"
    back = read_pairs(tmp_path / "p.tsv")
    assert back.directions.tolist() == [1, 0]
    assert back.ranks.tolist() == [0, 2]


BROKEN = ["1.0\t2", "x\t1\t2", "1.0\ta sentence\t2", "1.0\t-1\t2", "1.0\t1\t2\tsideways\t0", ""]


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_is_named(tmp_path, line):
    (tmp_path / "p.tsv").write_text(f"1.0\t0\t0\n{line}\n")
    with pytest.raises(CorpusError, match=r"p\.tsv:2: "):
        read_pairs(tmp_path / "p.tsv")


def test_a_file_that_mixes_forms_is_refused(tmp_path):
    (tmp_path / "p.tsv").write_text("1.0\t0\t0\n1.0\t1\t1\tforward\t0\n")
    with pytest.raises(CorpusError, match="some lines"):
        read_pairs(tmp_path / "p.tsv")


def test_an_empty_file_has_no_pairs(tmp_path):
    (tmp_path / "p.tsv").write_text("")
    assert len(read_pairs(tmp_path / "p.tsv")) == 0


def test_a_tab_is_named_by_line_and_only_where_it_matters():
    with pytest.raises(CorpusError, match="f.txt:2: "):
        refuse_tabs("f.txt", ["a", "b\tc"])
    refuse_tabs("f.txt", ["a", "b\tc"], np.array([0, 0]))


@given(st.lists(st.tuples(st.sampled_from([1.0, 1.5]), st.integers(0, 3), st.integers(0, 3))))
def test_canonical_order_is_score_then_source_then_target(rows):
    columns = [np.array([row[i] for row in rows], float if i == 0 else int) for i in range(3)]
    order = canonical_order(*columns)
    assert [rows[i] for i in order] == sorted(rows, key=lambda row: (-row[0], row[1], row[2]))


def test_take_keeps_all_columns_in_step():
    pairs = MinedPairs(PAIRS.scores, PAIRS.source_ids, PAIRS.target_ids, np.array([1, 0], np.int8), np.array([0, 2]))
    taken = pairs.take(np.array([1]))
    columns = (taken.scores, taken.source_ids, taken.target_ids, taken.directions, taken.ranks)
    assert [column.tolist() for column in columns] == [[1.25], [0], [2], [0], [2]]
