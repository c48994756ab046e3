"""The run directory is the state: finished stages with their manifests, checked, published by one rename, reused."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import Manifest, atomic_write, read_manifest, sha256_file, sha256_json, write_manifest
from fairseq_xling.rounds.stages import File, Product, Stage

STAGE_FILE = "stage.json"
ATTEMPTS, LOGS, HASHES = ".attempts", "logs", ".hashes.json"
# They hold times and paths: kept and checked like everything else, but no part of what a stage's content is.
_BESIDES = ("manifest.json", ".log")


@dataclass(frozen=True)
class Damage:
    """A finished stage that is not what its manifest says."""

    stage: str
    what: str


class RunDirectory:
    """Where stages lie and what they are; every method can be called again after a kill at any point of it."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(os.path.realpath(root))
        self._published: dict[str, Manifest] = {}
        self._hashes: dict[str, list[object]] | None = None

    def place(self, stage: str) -> Path:
        return self.root / stage

    def log(self, stage: str) -> Path:
        return self.root / LOGS / f"{stage}.log"

    @property
    def attempts(self) -> Path:
        return self.root / ATTEMPTS

    # ---- what is finished

    def manifest(self, stage: str) -> Manifest | None:
        """That of a published stage; None for one that is not there."""
        if stage not in self._published:
            path = self.place(stage) / STAGE_FILE
            if not path.is_file():
                return None
            self._published[stage] = read_manifest(path)
        return self._published[stage]

    def damages(self, stages: Iterator[str], threads: int = 4) -> list[Damage]:
        """What is wrong with the published ones among `stages`; every byte is read."""
        with ThreadPoolExecutor(threads) as pool:
            found = pool.map(self._damage, stages)
            return [damage for damage in found if damage]

    def _damage(self, stage: str) -> Damage | None:
        folder = self.place(stage)
        if not folder.exists():
            return None
        try:
            manifest = self.manifest(stage)
        except CorpusError:
            return Damage(stage, f"its {STAGE_FILE} cannot be read")
        if manifest is None:
            return Damage(stage, f"it has no {STAGE_FILE}")
        for name, digest in manifest.outputs.items():
            path = folder / name
            if not path.is_file():
                return Damage(stage, f"{name} is missing")
            if sha256_file(path) != digest:
                return Damage(stage, f"{name} is not what was written (its checksum differs)")
        return None

    def is_finished(self, stage: Stage, key: str) -> bool:
        manifest = self.manifest(stage.name)
        return manifest is not None and manifest.key == key

    def twin(self, key: str, among: Iterator[str]) -> str | None:
        """A published stage that did the very same work."""
        for name in among:
            manifest = self.manifest(name)
            if manifest is not None and manifest.key == key:
                return name
        return None

    # ---- identity of work

    def input_hashes(self, stage: Stage) -> dict[str, str]:
        """Content of every input, by its name; all of them must be there."""
        return {name: self._hash(source) for name, source in stage.inputs.items()}

    def _hash(self, source: File | Product) -> str:
        if isinstance(source, File):
            return self.file_hash(source.path)
        manifest = self.manifest(source.stage)
        if manifest is None:
            raise RuntimeError(f"{source.stage} is not finished")
        return content_hash(manifest.outputs)

    def file_hash(self, path: Path) -> str:
        """sha256 of a user's file; read again only when size, time or place have changed."""
        seen = path.stat()
        stamp: list[object] = [seen.st_size, seen.st_mtime_ns, seen.st_ino]
        known = self._known_hashes().get(str(path))
        if known is None or known[:3] != stamp:
            known = [*stamp, sha256_file(path)]
            self._known_hashes()[str(path)] = known
            if self.root.is_dir():
                with atomic_write(self.root / HASHES) as stream:
                    json.dump(self._hashes, stream)
        return str(known[3])

    def _known_hashes(self) -> dict[str, list[object]]:
        if self._hashes is None:
            try:
                self._hashes = dict(json.loads((self.root / HASHES).read_text(encoding="utf-8")))
            except (OSError, ValueError):  # only a memory: without it the files are read once more
                self._hashes = {}
        return self._hashes

    # ---- changes

    def publish(self, stage: Stage, built: Path, manifest: Manifest) -> bool:
        """Give a finished folder its place by one rename; False when another generation was there first."""
        write_manifest(built / STAGE_FILE, manifest)
        place = self.place(stage.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            built.rename(place)
        except OSError as fault:
            if fault.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False
        self._published.pop(stage.name, None)
        return True

    def link(self, twin: str, stage: Stage) -> None:
        """Publish the same work once more, by hard links where the file system has them."""
        building = self.new_attempt(stage.name, "link")
        manifest = self.manifest(twin)
        assert manifest is not None
        for name in manifest.outputs:
            target = building / name
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(self.place(twin) / name, target)
            except OSError:
                shutil.copy2(self.place(twin) / name, target)
        self.publish(stage, building, manifest)
        shutil.rmtree(building.parent, ignore_errors=True)

    def retire(self, stage: str) -> None:
        """Take a published folder away at once; what is left of it is cleared later."""
        place = self.place(stage)
        if place.exists():
            self.attempts.mkdir(parents=True, exist_ok=True)
            place.rename(self.attempts / f"retired-{slug(stage)}.{os.urandom(4).hex()}")
        self._published.pop(stage, None)

    def forget(self, stage: str) -> None:
        """Look at the disk again: another process may have published it."""
        self._published.pop(stage, None)

    # ---- attempts

    def new_attempt(self, stage: str, token: str) -> Path:
        """The folder `out` of a fresh attempt; no other generation ever writes there."""
        out = self.attempts / f"{slug(stage)}.{token}.{os.urandom(4).hex()}" / "out"
        out.mkdir(parents=True)
        return out

    def old_attempts(self, stage: str) -> list[Path]:
        """Folders of attempts that did not publish, newest first."""
        found = [path for path in self.attempts.glob("*") if stage_of(path) == stage and path.is_dir()]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)

    def clear_attempts(self, stage: str) -> None:
        for folder in self.old_attempts(stage):
            shutil.rmtree(folder, ignore_errors=True)

    def clear_retired(self) -> None:
        for folder in self.attempts.glob("retired-*"):
            shutil.rmtree(folder, ignore_errors=True)


def content_hash(outputs: Mapping[str, str]) -> str:
    """What a stage made, without the files that hold times and paths."""
    return sha256_json({name: digest for name, digest in outputs.items() if not name.endswith(_BESIDES)})


def file_hashes(folder: Path) -> dict[str, str]:
    """sha256 of every file in a folder, by its name relative to it, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files}


def slug(stage: str) -> str:
    return stage.replace("/", "~")


def stage_of(attempt: Path) -> str:
    """The stage of an attempt's folder STAGE.TOKEN.RANDOM; a language's code may hold a dot."""
    return attempt.name.rsplit(".", 2)[0].replace("~", "/")
