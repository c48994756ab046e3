from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import (
    MANIFEST,
    Manifest,
    atomic_write,
    finished_directory,
    is_finished,
    iterate_lines,
    json_value,
    open_binary,
    read_bytes,
    read_lines,
    read_manifest,
    sha256_file,
    sha256_json,
    stage_key,
    write_manifest,
)

# What str.splitlines() would cut at, none of which ends a line of ours.
NOT_NEWLINES = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\x00\ufeff"
lines_of_text = st.lists(
    st.text(st.one_of(st.sampled_from("ab \t" + NOT_NEWLINES), st.characters(exclude_categories=["Cs"]))).map(
        lambda line: line.replace("\n", "")
    )
)

MANIFEST_FIELDS: dict[str, Any] = {
    "kind": "mine",
    "config": {"k": 4, "threshold": 1.06, "margin": "ratio"},
    "inputs": {"a/x.npy": "1" * 64, "a/y.npy": "2" * 64},
    "outputs": {"pairs.tsv": "3" * 64},
}


def write_lines(path: Path, lines: list[str]) -> None:
    with atomic_write(path) as stream:
        stream.writelines(line + "\n" for line in lines)


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
@given(lines=lines_of_text)
def test_lines_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, name: str, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("lines") / name
    write_lines(path, lines)
    assert read_lines(path) == list(iterate_lines(path)) == lines
    assert read_bytes(path) == "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\n\n", ["a", ""]),
        (b"a\r\nb", ["a\r", "b"]),
        (b"\n\n a \n", ["", "", " a "]),
        ("a\u2028b\x85c\nd\x00e".encode(), ["a\u2028b\x85c", "d\x00e"]),
    ],
)
def test_only_a_newline_ends_a_line(tmp_path: Path, data: bytes, lines: list[str]) -> None:
    (tmp_path / "a").write_bytes(data)
    assert read_lines(tmp_path / "a") == list(iterate_lines(tmp_path / "a")) == lines


@pytest.mark.parametrize("read", [read_lines, lambda path: list(iterate_lines(path))])
@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"a\nb\xff\nc", "a.txt:2: byte 0xff is not UTF-8"),
        (b"\xe2\x82\n", "a.txt:1: byte 0xe2 is not UTF-8"),
        (b"a\n\n\n\xed\xa0\x80", "a.txt:4: byte 0xed is not UTF-8"),  # a lone surrogate
        (b"a\nb\xe2\x80", "a.txt:2: byte 0xe2 is not UTF-8"),  # the file stops inside a character
    ],
)
def test_bytes_that_are_not_utf8_are_named_by_line(
    tmp_path: Path, read: Callable[[Path], list[str]], data: bytes, complaint: str
) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(CorpusError, match=complaint):
        read(tmp_path / "a.txt")


@pytest.mark.parametrize("read", [read_bytes, read_lines, lambda path: list(iterate_lines(path))])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"plain text",
        lambda data: data[:30] + b"\xff\xff\xff\xff" + data[34:],
        lambda data: data[:-6] + b"\0\0" + data[-4:],  # the checksum
    ],
)
def test_a_damaged_gzip_is_said(
    tmp_path: Path, read: Callable[[Path], object], damage: Callable[[bytes], bytes]
) -> None:
    text = "".join(f"line {i} {i * i}\n" for i in range(500)).encode()
    (tmp_path / "a.gz").write_bytes(damage(gzip.compress(text)))
    with pytest.raises(CorpusError, match="is not a complete gzip file"):
        read(tmp_path / "a.gz")


def test_what_is_no_file(tmp_path: Path) -> None:
    for call in (read_lines, read_bytes, open_binary, sha256_file):
        with pytest.raises(CorpusError, match="no-such does not exist"):
            call(tmp_path / "no-such")
    with pytest.raises(CorpusError, match="is a directory, but a file is expected"):
        read_lines(tmp_path)
    with pytest.raises(CorpusError, match="is a directory, but a file is to be written"), atomic_write(tmp_path):
        pass
    with pytest.raises(CorpusError, match="Create it first"), atomic_write(tmp_path / "no-such" / "a"):
        pass
    with pytest.raises(ValueError, match="'w' or 'wb'"), atomic_write(tmp_path / "a", "a"):
        pass


class Stop(BaseException):
    """Neither an Exception nor a signal: nothing may catch it on the way."""


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt, SystemExit, Stop])
@pytest.mark.parametrize("name", ["a.txt", "a.gz"])
@pytest.mark.parametrize("before", [None, b"before"])
def test_a_broken_block_leaves_what_was_there(
    tmp_path: Path, fault: type[BaseException], name: str, before: bytes | None
) -> None:
    path = tmp_path / name
    if before is not None:
        path.write_bytes(before)

    def write_half() -> None:
        with atomic_write(path) as stream:
            stream.write("half" * 1000)
            raise fault

    with pytest.raises(fault):
        write_half()
    assert [p.name for p in tmp_path.iterdir()] == ([name] if before else [])
    assert before is None or path.read_bytes() == before


def test_text_that_is_not_utf8_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError), atomic_write(tmp_path / "a") as stream:
        stream.write("\ud800")
    assert list(tmp_path.iterdir()) == []


def start_writer(path: Path, body: str) -> subprocess.Popen[str]:
    """A process that has begun to write `path` and waits inside the block."""
    program = f"""
import sys, time
from pathlib import Path
from fairseq_xling.files import atomic_write, finished_directory
path = Path({str(path)!r})
{body}
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"
    return process


WAIT = "print('inside', flush=True); time.sleep(60)"
BODIES = {
    "file": f"with atomic_write(path) as stream:\n    stream.write('half' * 10**6); {WAIT}",
    "directory": f"with finished_directory(path) as inner:\n    (inner / 'a').write_text('half'); {WAIT}",
}


@pytest.mark.parametrize("kind", BODIES)
def test_kill_9_in_the_middle_leaves_nothing_under_the_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "result"
    process = start_writer(path, BODIES[kind])
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not path.exists()
    # A new attempt is not disturbed by what the killed one left.
    write_lines(path, ["whole"])
    assert read_lines(path) == ["whole"]


def test_equal_content_gives_equal_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, now in (("a.gz", 1e9), ("other-name.gz", 2e9)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        write_lines(tmp_path / name, ["same", "lines"])
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "other-name.gz").read_bytes()
    assert zlib.decompress((tmp_path / "a.gz").read_bytes(), 31) == b"same\nlines\n"


def test_a_link_is_followed_and_a_pipe_written_to(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_lines(tmp_path / "link", ["new"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new\n"
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE)
    write_lines(tmp_path / "pipe", ["through"])
    assert reader.communicate(timeout=20)[0] == b"through\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "pipe", "target"]


def test_binary_mode_takes_bytes(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.gz", "wb") as stream:
        stream.write(b"\xff\n")
    assert read_bytes(tmp_path / "a.gz") == b"\xff\n"


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a") as first, atomic_write(tmp_path / "a") as second:
        first.write("first")
        second.write("second")
    assert (tmp_path / "a").read_text() == "first"  # the last to finish
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_sha256_file_is_that_of_the_bytes_on_disk(tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    (tmp_path / "a.gz").write_bytes(data)
    assert sha256_file(tmp_path / "a.gz") == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.arange(3), [0, 1, 2]),
        ({"a": (1, np.float64("nan"))}, {"a": [1, "nan"]}),
        (float("inf"), "inf"),
        (Path("a/b"), "a/b"),
        ({1: None, "x": True}, {"1": None, "x": True}),
    ],
)
def test_json_value(value: Any, plain: Any) -> None:
    assert json_value(value) == plain
    assert json.loads(json.dumps(json_value(value), allow_nan=False)) == plain


def test_sha256_json_knows_values_not_layout() -> None:
    assert sha256_json({"b": 1, "a": (2, 3)}) == sha256_json({"a": [2, 3], "b": np.int32(1)})
    assert sha256_json({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()
    assert len({sha256_json(value) for value in (1, "1", [1], None, float("nan"), float("inf"))}) == 6


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    manifest = Manifest(**MANIFEST_FIELDS, counts={"pairs": np.int64(7)}, seconds=1.5)
    write_manifest(tmp_path / MANIFEST, manifest)
    found = read_manifest(tmp_path / MANIFEST)
    assert found == Manifest(**MANIFEST_FIELDS, counts={"pairs": 7}, seconds=1.5)
    assert list(found.inputs) == list(MANIFEST_FIELDS["inputs"])
    assert found.key == manifest.key
    assert set(json.loads((tmp_path / MANIFEST).read_text())) == {
        "kind", "version", "config", "inputs", "outputs", "counts", "seconds", "host",
    }  # fmt: skip


SAME_KEY = [
    {"outputs": {}},
    {"seconds": 99.0},
    {"host": "elsewhere"},
    {"version": "9.9.9"},
    {"counts": {"pairs": 1}},
    {"inputs": {"b/x.npy": "1" * 64, "b/y.npy": "2" * 64}},
    {"config": {"margin": "ratio", "k": 4, "threshold": 1.06}},
]
OTHER_KEY = [
    {"kind": "score"},
    {"config": {"k": 5, "threshold": 1.06, "margin": "ratio"}},
    {"config": {"k": 4}},
    {"inputs": {"a/x.npy": "1" * 64, "a/y.npy": "9" * 64}},
    {"inputs": {"a/y.npy": "2" * 64, "a/x.npy": "1" * 64}},  # the sides exchanged
]


@pytest.mark.parametrize(("changes", "same"), [*((c, True) for c in SAME_KEY), *((c, False) for c in OTHER_KEY)])
def test_the_key_is_what_decides_the_result(changes: dict[str, Any], same: bool) -> None:
    assert (Manifest(**MANIFEST_FIELDS | changes).key == Manifest(**MANIFEST_FIELDS).key) is same


def test_a_key_can_be_made_before_the_work() -> None:
    manifest = Manifest(**MANIFEST_FIELDS)
    assert manifest.key == stage_key("mine", manifest.config, ["1" * 64, "2" * 64])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "Expecting property name"),
        ("[1]", "must be a mapping"),
        ("{}", "`kind` is missing"),
        (json.dumps(MANIFEST_FIELDS | {"kind": 3}), "`kind` must be text, but is 3"),
        (json.dumps(MANIFEST_FIELDS | {"colour": 3}), "unknown option `colour`"),
        (json.dumps(MANIFEST_FIELDS | {"outputs": None}), "`outputs` must be a mapping"),
    ],
)
def test_what_is_no_manifest(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(CorpusError, match=f"{MANIFEST} is not a manifest .*{complaint}"):
        read_manifest(tmp_path / MANIFEST)


def fill(path: Path, text: str) -> None:
    with finished_directory(path) as building:
        (building / "a").write_text(text)
        write_manifest(building / MANIFEST, Manifest("test", {}, {}, {"a": sha256_file(building / "a")}))


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt, SystemExit, Stop])
@pytest.mark.parametrize("before", [False, True])
def test_a_directory_is_finished_or_what_it_was(tmp_path: Path, fault: type[BaseException], before: bool) -> None:
    path = tmp_path / "out"
    if before:
        fill(path, "before")

    def fill_half() -> None:
        with finished_directory(path) as building:
            (building / "a").write_text("half")
            raise fault

    with pytest.raises(fault):
        fill_half()
    assert [p.name for p in tmp_path.iterdir()] == (["out"] if before else [])
    assert is_finished(path) is before


def test_a_finished_directory_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    fill(path, "one")
    (path / "stray").write_text("")
    first = sha256_file(path)
    fill(path, "two")
    assert sorted(p.name for p in path.iterdir()) == ["a", MANIFEST]
    assert (path / "a").read_text() == "two"
    assert sha256_file(path) != first
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_empty_directory_is_taken_and_a_foreign_one_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    fill(tmp_path / "empty", "one")
    assert is_finished(tmp_path / "empty")
    for foreign in (tmp_path / "file", tmp_path / "folder" / "file"):
        foreign.parent.mkdir(exist_ok=True)
        foreign.write_text("precious")
        with pytest.raises(CorpusError, match="is in the way"):
            fill(tmp_path / foreign.relative_to(tmp_path).parts[0], "one")
        assert foreign.read_text() == "precious"


def test_a_directory_without_its_manifest_is_our_fault(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="without a manifest"), finished_directory(tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_current_directory_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    fill(Path(), "one")
    assert is_finished(tmp_path / "out")


def test_a_failed_publication_brings_the_old_directory_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out"
    fill(path, "before")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if target == path and (self / "a").read_text() == "after":
            raise OSError("the disk is full")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="the disk is full"):
        fill(path, "after")
    assert (path / "a").read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
