from __future__ import annotations

import io
import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import MANIFEST, is_finished, sha256_file
from fairseq_xling.vectors import UnitRows, Vectors, VectorWriter, open_vectors, unit_rows, validate

INPUTS = {"text": "0" * 64}


def matrix(rows: int, dim: int = 3, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)


def write_shards(path: Path, rows: npt.NDArray[np.float32], size: int) -> Path:
    VectorWriter(path, size).write_all(rows, {"encoder": "test"}, INPUTS)
    return path


@given(rows=st.integers(0, 12), size=st.integers(1, 5), start=st.integers(0, 14), length=st.integers(0, 14))
def test_rows_do_not_know_their_shards(
    tmp_path_factory: pytest.TempPathFactory, rows: int, size: int, start: int, length: int
) -> None:
    whole = matrix(rows)
    vectors = open_vectors(write_shards(tmp_path_factory.mktemp("v"), whole, size))
    assert vectors.shape == whole.shape
    assert np.array_equal(vectors.read(), whole)
    assert np.array_equal(vectors.read(start, start + length), whole[start : start + length])
    blocks = list(vectors.blocks(length + 1))
    assert [first for first, _ in blocks] == list(range(0, rows, length + 1))
    assert np.array_equal(np.concatenate([np.empty((0, 3)), *(block for _, block in blocks)]), whole)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_float_is_read_as_float32(tmp_path: Path, dtype: str, order: str) -> None:
    whole = np.asarray(matrix(5), dtype=dtype, order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "a.npy", whole)
    found = open_vectors(tmp_path / "a.npy").read()
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert found.flags.writeable
    assert np.array_equal(found, whole.astype(np.float32))


def test_raw_float32(tmp_path: Path) -> None:
    whole = matrix(7, 4)
    whole.astype("<f4").tofile(tmp_path / "a.raw")
    assert np.array_equal(open_vectors(tmp_path / "a.raw", dim=4).read(), whole)
    (tmp_path / "empty.raw").touch()
    assert open_vectors(tmp_path / "empty.raw", dim=4).shape == (0, 4)


def test_opening_reads_nothing(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", matrix(3))
    assert all(isinstance(shard, np.memmap) for shard in open_vectors(tmp_path / "a.npy").shards)


def npy_bytes(array: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz_bytes(array: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "dim", "complaint"),
    [
        ("a.npy", npy_bytes(matrix(9))[:-1], None, "a.npy is not a complete .npy file"),
        ("a.npy", npy_bytes(matrix(9))[:20], None, "a.npy is not a complete .npy file"),
        ("a.npy", b"", None, "a.npy is not a complete .npy file"),
        ("a.npy", b"text\n", None, "a.npy is not a complete .npy file"),
        ("a.npy", npz_bytes(matrix(2)), None, "a.npy is not a complete .npy file"),
        ("a.npy", pickle.dumps([1.0]), None, "a.npy is not a complete .npy file"),
        ("a.npy", npy_bytes(matrix(9)[0]), None, r"must hold a matrix \[rows, dim\], but is \(3,\)"),
        ("a.npy", npy_bytes(np.zeros((2, 2, 2))), None, r"but is \(2, 2, 2\)"),
        ("a.npy", npy_bytes(np.zeros((2, 2), int)), None, "must hold floating-point numbers, but holds int64"),
        ("a.npy", npy_bytes(np.zeros((2, 2), complex)), None, "but holds complex128"),
        ("a.npy", npy_bytes(np.array([["a"]])), None, "but holds <U1"),
        ("a.npy", npy_bytes(np.zeros((2, 0), np.float32)), None, "vectors of dimension 0"),
        ("a.npy", npy_bytes(matrix(2)), 4, "has vectors of dimension 3, but --dim is 4"),
        ("a.bin", bytes(40), None, "neither .npy nor a vector directory. For raw float32 vectors give --dim"),
        ("a.bin", bytes(40), 3, "has 40 bytes, which is not a whole number of float32 vectors of dimension 3"),
        ("a.bin", bytes(40), 0, "--dim must be at least 1, but is 0"),
        ("a.bin", bytes(40), -5, "--dim must be at least 1, but is -5"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, name: str, data: bytes, dim: int | None, complaint: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CorpusError, match=complaint):
        open_vectors(tmp_path / name, dim)


def test_an_object_array_is_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[object]], dtype=object), allow_pickle=True)
    with pytest.raises(CorpusError, match="a.npy is not a complete .npy file"):
        open_vectors(tmp_path / "a.npy")


def change_manifest(path: Path, **changes: Any) -> None:
    content = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps(content | changes))


def test_directories_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no-such does not exist"):
        open_vectors(tmp_path / "no-such")
    path = write_shards(tmp_path / "v", matrix(5), 2)
    names = [f"shard-0000{i}.npy" for i in range(3)]

    np.save(path / names[1], matrix(2, 4))
    with pytest.raises(CorpusError, match=r"has shards of different dimension \(\[3, 4\]\)"):
        open_vectors(path)
    np.save(path / names[1], matrix(1))
    with pytest.raises(CorpusError, match="has 4 rows, but its manifest.json says 5"):
        open_vectors(path)
    (path / names[1]).unlink()
    with pytest.raises(CorpusError, match="lacks its shard shard-00001.npy"):
        open_vectors(path)
    change_manifest(path, outputs={})
    with pytest.raises(CorpusError, match="lacks its shard number 0"):
        open_vectors(path)
    change_manifest(path, kind="surface")
    with pytest.raises(CorpusError, match="holds surface, not vectors"):
        open_vectors(path)
    (path / MANIFEST).unlink()
    with pytest.raises(CorpusError, match="has no manifest.json: its encoding did not finish"):
        open_vectors(path)


@pytest.mark.parametrize("row", [0, 1, 2, 4, 5, 8199, 8200])
@pytest.mark.parametrize(
    ("value", "complaint"),
    [(np.nan, "holds a NaN or infinite"), (np.inf, "holds a NaN or infinite"), (0.0, "is all zeros")],
)
@pytest.mark.parametrize("sharded", [True, False])
def test_a_bad_row_is_named_wherever_it_lies(row: int, value: float, complaint: str, sharded: bool) -> None:
    """Rows on both sides of a border between shards (5 rows) and between blocks of reading (8192)."""
    whole = matrix(8201)
    whole[row, 1] = value
    if value == 0:
        whole[row] = 0
    vectors = Vectors("x", (whole[:5], whole[5:])) if sharded else Vectors("x", (whole,))
    with pytest.raises(CorpusError, match=rf"^x: row {row} \(from 0\) {complaint}"):
        validate(vectors, "x")


def test_a_float64_beyond_float32_counts_as_infinite(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[1.0, 2.0], [1e300, 0.0]]))
    with pytest.raises(CorpusError, match="row 1 .* holds a NaN or infinite"):
        validate(open_vectors(tmp_path / "a.npy"), "x")


@pytest.mark.parametrize("value", [3.4e38, 1e-38, 1e-45])
def test_extreme_but_finite_rows_pass(value: float) -> None:
    validate(np.full((2, 8), value, np.float32), "x")


@pytest.mark.parametrize(
    ("array", "lines", "complaint"),
    [
        (matrix(3), 4, "x has 3 vectors for 4 lines of text"),
        (np.empty((0, 3), np.float32), None, "x has no rows"),
        (matrix(3)[0], None, r"x must be a matrix \[rows, dim\], but has shape \(3,\)"),
    ],
)
def test_validate_refuses(array: npt.NDArray[np.float32], lines: int | None, complaint: str) -> None:
    with pytest.raises(CorpusError, match=complaint):
        validate(array, "x", lines)


def test_validate_passes_good_vectors() -> None:
    validate(matrix(3), "x", 3)
    validate(Vectors("x", (matrix(3), matrix(2))), "x", 5)


rows_to_scale = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 20), st.integers(1, 9)),
    elements=st.floats(np.float32(1e-30), np.float32(1e30), width=32)
    | st.floats(np.float32(-1e30), np.float32(-1e-30), width=32),
)


@given(rows_to_scale)
def test_unit_rows_against_the_plain_formula(rows: npt.NDArray[np.float32]) -> None:
    before = rows.copy()
    unit = unit_rows(rows)
    slow = np.array([row / np.sqrt(sum(float(value) ** 2 for value in row)) for row in rows.astype(np.float64)])
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, slow, rtol=2e-7, atol=1e-38)
    assert np.array_equal(rows, before)
    assert np.array_equal(unit_rows(Vectors("x", (rows[:1], rows[1:]))), unit)


@given(st.sampled_from([1, 3, 16, 1000, 1024, 9001]), st.lists(st.integers(0, 39), max_size=60), st.integers(0, 40))
def test_how_many_rows_are_read_at_once_changes_no_bit(dim: int, ids: list[int], start: int) -> None:
    """Norms above all, whose sums numpy cuts into pieces as it likes."""
    rows = matrix(40, dim, seed=dim) + 0.1
    whole, picked = unit_rows(rows), np.array(ids, np.int64)
    lazily = UnitRows(Vectors("v", (rows[:13], rows[13:])))
    assert lazily.read(start, start + 7).tobytes() == whole[start : start + 7].tobytes()
    assert lazily[picked].tobytes() == whole[picked].tobytes()
    some = UnitRows(lazily.vectors, picked)
    assert some.shape == (len(ids), dim)
    assert some.read(start).tobytes() == whole[picked[start:]].tobytes()
    turned = np.arange(len(ids))[::-1]
    assert some[turned].tobytes() == whole[picked[::-1]].tobytes()
    alone = np.array([unit_rows(row[None])[0] for row in rows])
    assert alone.tobytes() == whole.tobytes()


def test_what_was_read_of_files_does_not_stay_in_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.ones((8000, 1024), np.float32))
    size = 8000 * 1024 * 4
    vectors = open_vectors(tmp_path / "v.npy")
    before = mapped()
    validate(vectors, "v")
    UnitRows(vectors).read(0, 4000)
    UnitRows(vectors)[np.arange(0, 8000, 3)]
    assert mapped() - before < size / 8
    assert float(np.asarray(vectors.shards[0]).sum()) == 8000 * 1024  # reading it otherwise, it would
    assert mapped() - before > size / 2


def mapped() -> int:
    """Bytes of files in this process's memory."""
    found = re.search(r"^RssFile:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return 1024 * int(found[1])


def test_a_zero_row_has_no_direction() -> None:
    rows = matrix(4)
    rows[2] = 0
    with pytest.raises(CorpusError, match="row 2"):
        unit_rows(rows)


def test_what_a_writer_leaves(tmp_path: Path) -> None:
    path = write_shards(tmp_path / "deep" / "v", matrix(5), 2)
    content = json.loads((path / MANIFEST).read_text())
    assert content["kind"] == "vectors"
    assert content["counts"] == {"rows": 5}
    assert content["config"] == {"encoder": "test"}
    assert content["inputs"] == INPUTS
    assert content["outputs"] == {p.name: sha256_file(p) for p in sorted(path.glob("*.npy"))}
    assert len(content["outputs"]) == 3


def test_resuming_after_an_interruption(tmp_path: Path) -> None:
    whole, path = matrix(7), tmp_path / "v"
    writer = VectorWriter(path, 2)
    assert writer.finished_rows() == 0
    for index in (0, 1, 3):
        writer.write_shard(index, whole[2 * index : 2 * index + 2])
    assert not is_finished(path)
    assert VectorWriter(path, 3).finished_rows() == 0  # shards of another size are not ours to keep
    again = VectorWriter(path, 2)
    assert again.finished_rows() == 4  # shard 2 is missing, so shard 3 does not count
    for index in (2, 3):
        again.write_shard(index, whole[2 * index : 2 * index + 2])
    assert again.finished_rows() == 6  # nor does a shard that is not full
    again.finish({}, INPUTS, 7)
    assert np.array_equal(open_vectors(path).read(), whole)


def test_a_shorter_text_leaves_no_old_shards(tmp_path: Path) -> None:
    write_shards(tmp_path, matrix(9), 2)
    write_shards(tmp_path, matrix(3, seed=1), 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == [MANIFEST, "shard-00000.npy", "shard-00001.npy"]
    assert np.array_equal(open_vectors(tmp_path).read(), matrix(3, seed=1))


def test_the_first_new_shard_unfinishes_the_directory(tmp_path: Path) -> None:
    write_shards(tmp_path, matrix(4), 2)
    VectorWriter(tmp_path, 2).write_shard(0, matrix(2, seed=1))
    assert not is_finished(tmp_path)


@pytest.mark.parametrize(
    ("rows", "complaint"), [(8, "lacks its shard shard-00003.npy"), (5, "holds 6 rows instead of 5")]
)
def test_the_manifest_comes_only_when_all_rows_are_there(tmp_path: Path, rows: int, complaint: str) -> None:
    writer = VectorWriter(tmp_path, 2)
    for index in range(3):
        writer.write_shard(index, matrix(2))
    with pytest.raises(CorpusError, match=complaint):
        writer.finish({}, INPUTS, rows)
    assert not is_finished(tmp_path)
    assert writer.finished_rows() == 6


def test_shards_have_a_size(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="--shard-size must be at least 1, but is 0"):
        VectorWriter(tmp_path, 0)
    with pytest.raises(ValueError, match="at most 2 rows"):
        VectorWriter(tmp_path, 2).write_shard(0, matrix(3))
