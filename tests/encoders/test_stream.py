"""Shards from a stream of sentences, interrupted and resumed."""

from __future__ import annotations

import numpy as np
import pytest

from fairseq_xling.encoders.stream import UNDER_WAY, Work, encode_to_shards
from fairseq_xling.errors import CorpusError
from fairseq_xling.vectors import VectorWriter, open_vectors

LINES = [f"line {i}" for i in range(25)]


class Lengths:
    """A vector of a line's length and its last number; counts what it is asked for; fails at a given line."""

    dim, signature = 2, "encoder:lengths"

    def __init__(self, fail_at=None):
        self.fail_at, self.asked = fail_at, 0

    def encode(self, lines, language=None):
        if self.fail_at in lines:
            raise KeyboardInterrupt
        self.asked += len(lines)
        return np.array([[len(line), int(line.split()[1]) + 1] for line in lines], np.float32)


def encode(encoder, directory, **options):
    writer = VectorWriter(directory, options.pop("shard_size", 10))
    return encode_to_shards(encoder, LINES, writer, Work({"encoder": encoder.signature}, {"t.txt": "hash"}), **options)


def test_row_i_is_line_i(tmp_path):
    manifest = encode(Lengths(), tmp_path / "v")
    assert list(manifest.outputs) == ["shard-00000.npy", "shard-00001.npy", "shard-00002.npy"]
    assert open_vectors(tmp_path / "v").read()[:, 1].tolist() == list(range(1, 26))
    assert not (tmp_path / "v" / UNDER_WAY).exists()


def test_an_interrupted_run_goes_on_after_its_last_whole_shard(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        encode(Lengths(fail_at="line 14"), tmp_path / "v")
    with pytest.raises(CorpusError, match="did not finish"):
        open_vectors(tmp_path / "v")
    seen = []
    again = Lengths()
    encode(again, tmp_path / "v", resume=True, progress=seen.append)
    assert again.asked == 15
    assert seen == [10, 10, 5]
    encode(Lengths(), tmp_path / "w")
    for name in ("shard-00000.npy", "shard-00001.npy", "shard-00002.npy"):
        assert (tmp_path / "v" / name).read_bytes() == (tmp_path / "w" / name).read_bytes()


def test_without_resume_all_is_done_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        encode(Lengths(fail_at="line 14"), tmp_path / "v")
    again = Lengths()
    encode(again, tmp_path / "v")
    assert again.asked == 25


def test_shards_of_other_work_are_not_taken_over(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        encode(Lengths(fail_at="line 14"), tmp_path / "v")
    with pytest.raises(CorpusError, match="another text, encoder or shard size"):
        encode(Lengths(), tmp_path / "v", resume=True, shard_size=5)


def test_a_text_without_lines_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="no lines"):
        encode_to_shards(Lengths(), [], VectorWriter(tmp_path / "v"), Work({}, {}))
