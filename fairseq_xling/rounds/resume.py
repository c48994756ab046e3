"""Where a training that was cut short goes on: fairseq's checkpoints, judged by what is in them."""

from __future__ import annotations

import pickletools
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

LAST = "checkpoint_last.pt"
_MAX_UPDATE = "--max-update"


def is_over(checkpoints: Path, words: Sequence[str]) -> bool:
    """Make checkpoint_last.pt the one to go on from; True where nothing is left to train.

    fairseq started again on a checkpoint of the last update trains one more. It writes checkpoint_EPOCH_UPDATE.pt,
    copies that to checkpoint_best.pt, then to checkpoint_last.pt: what is damaged tells how far it got.
    """
    if not checkpoints.is_dir():
        return False
    end, last = _number(words, _MAX_UPDATE), checkpoints / LAST
    was_there, damaged = last.is_file(), []
    for path in checkpoints.glob("checkpoint*.pt"):
        if not is_whole_zip(path):
            damaged.append(path.name)
            path.unlink()
    found = {path: updates_of(path) for path in (last, *checkpoints.glob("checkpoint_[0-9]*_*.pt")) if path.is_file()}
    if end is not None and found.get(last, -1) >= end:
        return True
    finished = [path for path, updates in found.items() if end is not None and updates >= end]
    if finished and was_there and LAST in damaged:  # the copy to checkpoint_best.pt came before this one
        shutil.copy2(finished[0], last)
        return True
    left = {path: updates for path, updates in found.items() if path not in finished}
    for path in finished:
        path.unlink()
    newest = max(left, key=lambda path: left[path], default=None)
    if newest is None:
        for path in checkpoints.glob("checkpoint*.pt"):
            path.unlink()
    elif newest != last:
        shutil.copy2(newest, last)  # a copy: fairseq writes into the file of that name
    return False


def updates_of(checkpoint: Path) -> int:
    """How many updates a checkpoint in torch's format has seen, without torch and without running what it says."""
    with zipfile.ZipFile(checkpoint) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        data = archive.read(name)
    found, place, is_key, seen = [0], -1, False, set[int]()
    for operation, argument, _ in pickletools.genops(data):
        if operation.name in ("BINPUT", "LONG_BINPUT"):
            place = int(str(argument))
            seen |= {place} if is_key else set()
        elif operation.name in ("BINUNICODE", "SHORT_BINUNICODE"):
            is_key = argument == "num_updates"
        elif operation.name in ("BINGET", "LONG_BINGET"):
            is_key = int(str(argument)) in seen
        else:
            if is_key and operation.name in ("BININT", "BININT1", "BININT2"):
                found.append(int(str(argument)))
            is_key = False
    return max(found)


def is_whole_zip(path: Path) -> bool:
    """Whether a checkpoint in torch's format has its end and all its checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def _number(words: Sequence[str], flag: str) -> int | None:
    """The number after the last `flag`, which is the one that counts."""
    found = [word for before, word in zip(words, words[1:], strict=False) if before == flag]
    found += [word.partition("=")[2] for word in words if word.startswith(f"{flag}=")]
    return int(found[-1]) if found and found[-1].isdigit() else None
