"""Files and directories that are either finished or not there, and readers that name the line of a fault."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import math
import os
import platform
import shutil
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from fairseq_xling import __version__
from fairseq_xling.configs import read_config
from fairseq_xling.errors import ConfigError, CorpusError

MANIFEST = "manifest.json"
_CHUNK = 1 << 20


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that appears under `path`, whole, when the block ends well, and not at all otherwise.

    `mode` is "w" (UTF-8, lines end with a bare newline) or "wb"; a name that ends in .gz is compressed, with
    equal bytes for equal content. A link is followed; a device or a pipe is written to directly.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode must be 'w' or 'wb', but is {mode!r}")
    path = Path(path)
    if path.is_dir():
        raise CorpusError(f"{path} is a directory, but a file is to be written there. Name a file.")
    compressed = path.suffix == ".gz"
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        with open(path, "wb") as raw, _encoded(raw, mode, compressed) as stream:
            yield stream
        return
    path = Path(os.path.realpath(path))
    temporary = _temporary(path)
    try:
        # Nested so that the compressed stream is closed, and with it complete, before the rename.
        with open(temporary, "xb") as raw:
            with _encoded(raw, mode, compressed) as stream:
                yield stream
            raw.flush()
            os.fsync(raw.fileno())  # else a crash of the machine may leave the name without its content
        temporary.replace(path)
    except OSError as fault:
        if fault.filename is None and fault.errno is not None:  # of a write: a full disk, a broken one
            fault.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    """A name beside `path` that no other process, on this machine or another one, uses."""
    if not path.parent.is_dir():
        raise CorpusError(f"{path.parent} is not a directory, so {path.name} cannot be written there. Create it first.")
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")


@contextlib.contextmanager
def _encoded(raw: IO[bytes], mode: str, compressed: bool) -> Iterator[IO[Any]]:
    """Compression and UTF-8 over `raw`, which stays open; complete when the block has ended."""
    with contextlib.ExitStack() as stack:
        binary: Any = raw
        if compressed:  # without name and time in the header, equal content gives equal bytes
            binary = stack.enter_context(gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0))
        if mode == "wb":
            yield binary
            return
        text = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")
        try:
            yield text
        finally:
            text.detach()  # flushes, and leaves closing to whoever opened


def open_binary(path: str | os.PathLike[str]) -> IO[bytes]:
    """The bytes of a file, decompressed where its name ends in .gz; a missing file is the user's error."""
    path = Path(path)
    if not path.exists():
        raise CorpusError(f"{path} does not exist. Check the path.")
    if path.is_dir():
        raise CorpusError(f"{path} is a directory, but a file is expected. Name a file.")
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else open(path, "rb")


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """`open_binary`, where damage that shows while reading is the user's error too."""
    try:
        with open_binary(path) as stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as fault:
        raise CorpusError(f"{path} is not a complete gzip file ({fault}). Copy or compress it again.") from fault


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The whole content, decompressed; a damaged .gz is the user's error."""
    with _opened(path) as stream:
        return stream.read()


def iterate_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """Every line without its newline, one at a time; U+2028 and the like do not end a line."""
    with _opened(path) as stream:
        for number, raw in enumerate(stream, start=1):
            try:
                line = raw.removesuffix(b"\n").decode("utf-8")
            except UnicodeDecodeError as fault:
                raise _bad_utf8(path, number, fault) from fault
            yield line


def read_lines(path: str | os.PathLike[str]) -> list[str]:
    """All lines of a UTF-8 file, ended by a newline only; an empty line is a line, line i is sentence i."""
    data = read_bytes(path)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise _bad_utf8(path, data.count(b"\n", 0, fault.start) + 1, fault) from fault
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def _bad_utf8(path: str | os.PathLike[str], line: int, fault: UnicodeDecodeError) -> CorpusError:
    byte = fault.object[fault.start]
    return CorpusError(f"{path}:{line}: byte 0x{byte:02x} is not UTF-8. Convert the file to UTF-8 (iconv does that).")


def sha256_file(path: str | os.PathLike[str]) -> str:
    """The sha256 of the bytes on disk; for a finished directory, of what its manifest says came out."""
    path = Path(path)
    if path.is_dir():
        return sha256_json(read_manifest(path / MANIFEST).outputs)
    if not path.exists():
        raise CorpusError(f"{path} does not exist. Check the path.")
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """The sha256 of a value's canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(json_value(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def json_value(value: Any) -> Any:
    """The same value in JSON's types: NumPy's numbers and arrays, paths, tuples converted, NaN and infinity as text."""
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # without importing NumPy, which `--help` has no time for
        return json_value(value.tolist())
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


@dataclass(frozen=True)
class Manifest:
    """What made a file or directory, from what, and what came out."""

    kind: str
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    counts: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    version: str = __version__
    host: str = field(default_factory=platform.node)

    @property
    def key(self) -> str:
        """The identity of the work: kind, configuration, content of the inputs; not their place, not time or host."""
        return stage_key(self.kind, self.config, list(self.inputs.values()))


def stage_key(kind: str, config: Mapping[str, Any], input_hashes: Sequence[str]) -> str:
    """sha256 over what decides a stage's result; inputs count by content, in the order of their roles."""
    return sha256_json({"kind": kind, "config": config, "inputs": input_hashes})


def write_manifest(path: str | os.PathLike[str], manifest: Manifest) -> None:
    """Write it as JSON at once or not at all; always the last file of what it describes."""
    with atomic_write(path) as stream:
        stream.write(json.dumps(json_value(asdict(manifest)), indent=1, ensure_ascii=False) + "\n")


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Read one back; a file that is not a manifest is the user's error."""
    try:
        return read_config(Manifest, json.loads(read_bytes(path).decode("utf-8")), "its fields")
    except (ValueError, ConfigError) as fault:
        raise CorpusError(f"{path} is not a manifest ({fault}). Remove what it describes and make it again.") from fault


def is_finished(directory: str | os.PathLike[str]) -> bool:
    """A directory is finished when its manifest is there, because the manifest comes last."""
    return (Path(directory) / MANIFEST).is_file()


@contextlib.contextmanager
def finished_directory(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Fill a directory that appears under `path`, whole and with its manifest, when the block ends well.

    A finished directory that is already there is replaced; any other non-empty one is refused.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not is_finished(path) and (not path.is_dir() or any(path.iterdir())):
        raise CorpusError(f"{path} is in the way: it holds something else than our finished work. Name another place.")
    building = _temporary(path)
    building.mkdir()
    try:
        yield building
        if not is_finished(building):
            raise RuntimeError(f"{path} was filled without a manifest")
        _publish(building, path)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _publish(building: Path, path: Path) -> None:
    """Put a built directory in its place; what was there comes back when that fails."""
    retired = _temporary(path)
    if path.exists():
        path.rename(retired)
    try:
        building.rename(path)
    except BaseException:
        if retired.exists():
            retired.rename(path)
        raise
    shutil.rmtree(retired, ignore_errors=True)
