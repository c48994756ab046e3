"""How long, and in how much memory, a large test set is scored: `evaluate tatoeba` on random vectors.

    python benchmarks/retrieval.py [--rows 100000] [--dim 256] [--threads 2]

Row i of the target is row i of the source with noise, so that some translations are lost. Printed are the seconds of
the command, its largest anonymous memory (what maps of files do not count for), and the accuracy, beside that of a
sample of rows compared with everything in float64. Exits non-zero above 2 GB or where the sample differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from figures import Figure, tell

MOST_BYTES = 2_000_000_000
SAMPLE = 200
NOISE = 2.7


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000, help="sentences of each side")
    parser.add_argument("--dim", type=int, default=256, help="length of a vector")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of the command")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, target = write_vectors(Path(folder), args.rows, args.dim)
        seconds, peak, printed = measured(source, target, args.threads)
        rows, right = sampled(source, target)
    scores = {(score["pair"], score["name"]): score["value"] for score in json.loads(printed)["scores"]}
    accuracy = scores["source-target", "tatoeba.accuracy"]
    print(f"{args.rows} x {args.rows}, d = {args.dim}, both directions, {args.threads} threads: {seconds:.0f} s")
    print(f"largest anonymous memory {peak / 1e9:.2f} GB (of {MOST_BYTES / 1e9:.0f})")
    print(f"accuracy {accuracy:.4f}, of {len(rows)} rows in float64 {right.mean():.4f}")
    spread = 4 * float(np.sqrt(max(accuracy * (1 - accuracy), 1e-6) / len(rows)))
    tell(
        [
            Figure(
                "retrieval, memory, limit", f"{peak / 1e9:.2f} GB", f"{MOST_BYTES / 1e9:.0f} GB", MOST_BYTES / peak, 1.0
            )
        ]
    )
    return int(peak > MOST_BYTES or abs(accuracy - right.mean()) > spread)


def write_vectors(folder: Path, rows: int, dim: int) -> tuple[Path, Path]:
    random = np.random.default_rng(1)
    left = random.standard_normal((rows, dim), np.float32)
    paths = folder / "source.npy", folder / "target.npy"
    np.save(paths[0], left)
    left += NOISE * random.standard_normal((rows, dim), np.float32)
    np.save(paths[1], left)
    return paths


def measured(source: Path, target: Path, threads: int) -> tuple[float, int, str]:
    """(seconds, largest anonymous memory in bytes, what was printed) of the command."""
    words = ["evaluate", "tatoeba", "--source", str(source), "--target", str(target), "--json"]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(
        [sys.executable, "-m", "fairseq_xling", *words], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            found = re.search(r"^RssAnon:\s+(\d+) kB", status.read_text(), re.MULTILINE)
            peak = max(peak, 1024 * int(found[1]) if found else 0)
            time.sleep(0.02)
        printed = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"the command ended with {process.returncode}")
    return time.perf_counter() - started, peak, printed


def sampled(source: Path, target: Path) -> tuple[np.ndarray, np.ndarray]:
    """(rows, which of them have their own target nearest), in float64."""
    left, right = np.load(source), np.load(target).astype(np.float64)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    rows = np.random.default_rng(2).choice(len(left), min(SAMPLE, len(left)), replace=False)
    return rows, (left[rows].astype(np.float64) @ right.T).argmax(axis=1) == rows


if __name__ == "__main__":
    sys.exit(main())
