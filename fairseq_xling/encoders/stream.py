"""Sentences to vector shards, one shard at a time, resumable: knows an encoder only by its protocol."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import Manifest, atomic_write, stage_key
from fairseq_xling.protocols import SentenceEncoder
from fairseq_xling.vectors import VectorWriter

# Says which work the unfinished shards of a directory belong to; gone when the manifest is there.
UNDER_WAY = "under-way.json"


@dataclass(frozen=True)
class Work:
    """What decides the vectors; shards of other work are never taken over."""

    config: Mapping[str, object]
    inputs: Mapping[str, str]
    language: str | None = None


def encode_to_shards(
    encoder: SentenceEncoder,
    lines: Sequence[str],
    writer: VectorWriter,
    work: Work,
    resume: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Manifest:
    """Write vectors of `lines`, row i for line i; with `resume`, the whole shards of an interrupted run stay."""
    started = time.perf_counter()
    if not lines:
        raise CorpusError("the text has no lines. There must be at least one sentence.")
    shard_size, marker = writer.shard_rows, writer.directory / UNDER_WAY
    config = {**work.config, "language": work.language}
    key = stage_key("vectors", {**config, "shard_size": shard_size}, list(work.inputs.values()))
    done = writer.finished_rows() if resume and _same_work(marker, key) else 0
    with atomic_write(marker) as stream:
        json.dump({"key": key}, stream)
    if progress and done:
        progress(min(done, len(lines)))
    for start in range(done, len(lines), shard_size):
        part = lines[start : start + shard_size]
        writer.write_shard(start // shard_size, encoder.encode(part, work.language))
        if progress:
            progress(len(part))
    manifest = writer.finish(config, work.inputs, len(lines), round(time.perf_counter() - started, 3))
    marker.unlink()
    return manifest


def _same_work(marker: Path, key: str) -> bool:
    """Whether the shards belong to this very work; without a marker there is nothing to resume."""
    if not marker.is_file():
        return False
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))["key"]
    except (ValueError, KeyError, TypeError):
        found = None
    if found != key:
        raise CorpusError(
            f"{marker.parent} holds shards of another text, encoder or shard size. "
            "Leave --resume out to write over them, or name another --output."
        )
    return True
