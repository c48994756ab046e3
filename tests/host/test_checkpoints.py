"""A checkpoint is data: what fairseq ever stored loads, what would run code is refused with a way out."""

from __future__ import annotations

import collections
import datetime
import os
import pickle
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import torch
from fairseq.logging.meters import AverageMeter
from omegaconf import OmegaConf

import fairseq_xling_host
from fairseq_xling_host.checkpoints import ALLOWED, CheckpointFileError, UnsafeCheckpointError, allowed_globals

GENUINE = {
    "parameters": collections.OrderedDict(weight=torch.arange(4.0).reshape(2, 2)),
    "Namespace": Namespace(arch="transformer", lr=[0.1], inner=Namespace(langs={"fur", "lij"})),
    "omegaconf": OmegaConf.create(
        {"task": {"data": "x", "langs": ["fur", 1, 0.5, None, True]}, "same": "${task.data}"}
    ),
    "float64": np.float64(3.5),
    "float32": np.float32(0.25),
    "int64": np.int64(3),
    "bool": np.bool_(True),
    "array": np.arange(6, dtype=np.int32).reshape(2, 3),
    "Counter": collections.Counter("abba"),
    "path": PurePosixPath("a/b"),
    "time": datetime.datetime(2020, 1, 2, 3, 4, 5),
    "complex": 1 + 2j,
    "sets": [{1, 2}, frozenset([3]), range(4), slice(1, 2), b"x"],
}


class Calls:
    """Unpickling this in the ordinary way calls `function` with `arguments`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.called = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.called


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The file that each malicious checkpoint would make."""
    return tmp_path / "written"


def save_zip(value: Any, path: Path) -> None:
    torch.save(value, path)


def save_legacy(value: Any, path: Path) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("save", [save_zip, save_legacy])
@pytest.mark.parametrize("name", GENUINE)
def test_genuine_content_loads(name: str, save: Callable[[Any, Path], None], tmp_path: Path) -> None:
    save({"content": GENUINE[name]}, tmp_path / "c.pt")
    loaded = fairseq_xling_host.load_checkpoint_file(tmp_path / "c.pt")["content"]
    assert type(loaded) is type(GENUINE[name])
    if name == "parameters":
        assert torch.equal(loaded["weight"], GENUINE[name]["weight"])
    else:
        assert np.array_equal(loaded, GENUINE[name]) if name == "array" else loaded == GENUINE[name]


def test_the_meters_of_old_checkpoints_load(tmp_path: Path) -> None:
    meter = AverageMeter()
    meter.update(3.0)
    torch.save({"meters": collections.OrderedDict(loss=meter)}, tmp_path / "c.pt")
    assert fairseq_xling_host.load_checkpoint_file(tmp_path / "c.pt")["meters"]["loss"].avg == 3.0


def test_every_allowed_name_is_found() -> None:
    assert {name for _, name in (entry for entry in allowed_globals() if isinstance(entry, tuple))} == set(ALLOWED)


def save_pickle(value: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, protocol=2))


@pytest.mark.parametrize("save", [save_zip, save_legacy, save_pickle])
@pytest.mark.parametrize(
    "wrap", [lambda evil: evil, lambda evil: {"args": Namespace(data=[evil])}], ids=["bare", "deep"]
)
def test_code_is_refused(
    save: Callable[[Any, Path], None], wrap: Callable[[Any], Any], tmp_path: Path, written: Path
) -> None:
    path = tmp_path / "c.pt"
    save(wrap(Calls(os.system, f"touch {written}")), path)
    with pytest.raises(UnsafeCheckpointError) as refused:
        fairseq_xling_host.load_checkpoint_file(path)
    message = str(refused.value)
    assert message.startswith(f"checkpoint {path} is refused: it asks for posix.system")
    assert "set XLING_TRUST_CHECKPOINT=1" in message
    assert "\n" not in message
    assert not written.exists()


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (eval, ("1",)),
        (exec, ("1",)),
        (getattr, (os, "system")),
        (__import__, ("os",)),
        (open, ("written", "w")),
        (pickle.loads, (b"",)),
        (sys.exit, ()),
        (torch.load, ("x",)),
        (np.load, ("x",)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_other_ways_to_code_are_refused(
    function: Callable[..., Any], arguments: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = tuple("os" if value is os else value for value in arguments)
    torch.save(Calls(function, *arguments), "c.pt")
    with pytest.raises(UnsafeCheckpointError, match="checkpoint c.pt is refused"):
        fairseq_xling_host.load_checkpoint_file("c.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


def test_protocol_4_is_no_way_round(tmp_path: Path, written: Path) -> None:
    path = tmp_path / "c.pt"
    path.write_bytes(pickle.dumps(Calls(os.system, f"touch {written}"), protocol=4))
    with (
        pytest.warns(UserWarning, match="pickle protocol 4"),
        pytest.raises(CheckpointFileError, match="cannot be read"),
    ):
        fairseq_xling_host.load_checkpoint_file(path)
    assert not written.exists()


def test_trust_is_explicit(tmp_path: Path, written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.pt"
    torch.save(Calls(os.system, f"touch {written}"), path)
    monkeypatch.setenv("XLING_TRUST_CHECKPOINT", "0")
    with pytest.raises(UnsafeCheckpointError):
        fairseq_xling_host.load_checkpoint_file(path)
    assert not written.exists()
    monkeypatch.setenv("XLING_TRUST_CHECKPOINT", "1")
    assert fairseq_xling_host.load_checkpoint_file(path) == 0
    assert written.exists()


@pytest.mark.parametrize(
    "content", [b"", b"hello, this is text\n", b"PK\x03\x04 no archive", b"\x80\x02", b"\x00" * 99]
)
def test_what_is_no_checkpoint_says_so(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointFileError, match=f"checkpoint {path} cannot be read: it is cut short, damaged"):
        fairseq_xling_host.load_checkpoint_file(path)


@pytest.mark.parametrize("save", [save_zip, save_legacy])
def test_a_checkpoint_cut_short_says_so(save: Callable[[Any, Path], None], tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    save({"weight": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:-1500])
    with path.open("rb") as file, pytest.raises(CheckpointFileError, match=f"checkpoint {path} cannot be read"):
        fairseq_xling_host.load_checkpoint_file(file)


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        fairseq_xling_host.load_checkpoint_file(tmp_path / "c.pt")
