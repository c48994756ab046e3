"""Loads a checkpoint without running code from it: tensors, plain containers and a short list of harmless classes."""

from __future__ import annotations

import importlib
import os
import pickle
import re
from os import PathLike
from typing import IO, Any

import torch

TRUST = "XLING_TRUST_CHECKPOINT"

ALLOWED = (
    "argparse.Namespace",
    "collections.Counter",
    "collections.OrderedDict",
    "collections.defaultdict",
    "builtins.bool",
    "builtins.bytes",
    "builtins.complex",
    "builtins.dict",
    "builtins.float",
    "builtins.frozenset",
    "builtins.int",
    "builtins.list",
    "builtins.range",
    "builtins.set",
    "builtins.slice",
    "builtins.str",
    "builtins.tuple",
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    # Fairseq 0.10 stored its configuration as omegaconf's own objects.
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.base.UnionNode",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "omegaconf.nodes.BooleanNode",
    "omegaconf.nodes.EnumNode",
    "omegaconf.nodes.FloatNode",
    "omegaconf.nodes.IntegerNode",
    "omegaconf.nodes.StringNode",
    "typing.Any",
    # Fairseq 0.8 and older stored the meters themselves.
    "fairseq.meters.AverageMeter",
    "fairseq.meters.StopwatchMeter",
    "fairseq.meters.TimeMeter",
    "fairseq.logging.meters.AverageMeter",
    "fairseq.logging.meters.MetersDict",
    "fairseq.logging.meters.StopwatchMeter",
    "fairseq.logging.meters.SumMeter",
    "fairseq.logging.meters.TimeMeter",
    # Numbers and small arrays of NumPy, under the paths of NumPy 1 and 2.
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
)


# What torch raises on a file that is cut short or no checkpoint; its own errors beside these are passed on.
UNREADABLE = (EOFError, KeyError, IndexError, AttributeError, TypeError, ValueError, UnicodeDecodeError)


class CheckpointFileError(pickle.UnpicklingError):
    """A file that cannot be loaded as a checkpoint: cut short, damaged, or something else."""


class UnsafeCheckpointError(CheckpointFileError):
    """A file that asks for classes or functions outside ALLOWED, which is how a checkpoint runs code."""


def load_checkpoint_file(
    file: str | PathLike[str] | IO[bytes], map_location: Any = "cpu", mmap: bool | None = None
) -> Any:
    """The content of a checkpoint file, its tensors on `map_location`, with no code of the file's run.

    With `mmap`, a file named by its path is mapped: what is never looked at is never read.
    Raises UnsafeCheckpointError where the file asks for more than data, unless XLING_TRUST_CHECKPOINT=1 is set, and
    CheckpointFileError where it is no whole checkpoint.
    """
    if os.environ.get(TRUST) == "1":
        return torch.load(file, map_location=map_location, weights_only=False, mmap=mmap)
    try:
        with torch.serialization.safe_globals(allowed_globals()):
            return torch.load(file, map_location=map_location, weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:
        raise refusal(file, str(error)) from None
    except UNREADABLE as error:
        raise damaged(file, repr(error)) from error
    except RuntimeError as error:
        if any(word in str(error) for word in ("PytorchStreamReader", "TorchScript", "corrupt")):
            raise damaged(file, str(error)) from error
        raise


def allowed_globals() -> list[Any]:
    """The classes of ALLOWED with the names under which checkpoints know them; those not installed are left out."""
    found: list[Any] = []
    for path in ALLOWED:
        module, _, name = path.rpartition(".")
        if module.partition(".")[0] in {"fairseq", "omegaconf"} and not _importable(module):
            continue
        found.append((getattr(importlib.import_module(_today(module)), name), path))
    return found + _dtype_classes()


def _importable(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return True


def _today(module: str) -> str:
    """NumPy 2 warns of numpy.core, where NumPy 1 wrote its numbers' paths."""
    return module.replace("numpy.core", "numpy._core")


def _dtype_classes() -> list[Any]:
    """NumPy gives each dtype its own class, which the unpickler asks for when it restores one."""
    import numpy as np

    kinds = "?bBhHiIlLqQefdFDSU"
    return sorted({type(np.dtype(kind)) for kind in kinds}, key=lambda kind: kind.__name__)


def refusal(file: str | PathLike[str] | IO[bytes], reason: str) -> CheckpointFileError:
    """The error for what torch would not unpickle: one line with the file, what it asks for and the way out."""
    asked = re.search(r"GLOBAL ([\w.]+)|got <class '([\w.]+)'>|(?:class|function) ([\w.]+\.\w+)", reason)
    if asked is None:
        # torch's own sentence comes last, after paragraphs of general advice.
        lines = [line.strip() for line in reason.split("Check the documentation")[0].splitlines() if line.strip()]
        return damaged(file, lines[-1] if lines else "it is no pickle")
    wanted = next(name for name in asked.groups() if name)
    return UnsafeCheckpointError(
        f"checkpoint {name_of(file)} is refused: it asks for {wanted}, and loading it could run code chosen by whoever "
        f"wrote the file. If you trust where it comes from, set {TRUST}=1 and repeat the command."
    )


def damaged(file: str | PathLike[str] | IO[bytes], reason: str) -> CheckpointFileError:
    """The error for a file that is no whole checkpoint."""
    first = reason.strip().splitlines()[0]
    return CheckpointFileError(
        f"checkpoint {name_of(file)} cannot be read: it is cut short, damaged, or no PyTorch checkpoint ({first}). "
        "Copy it again from where it comes from."
    )


def name_of(file: str | PathLike[str] | IO[bytes]) -> str:
    """The path of a file, also of one that is open already."""
    return os.fspath(file) if isinstance(file, (str, PathLike)) else str(getattr(file, "name", "(a stream)"))
