"""Mining that outgrows memory: what `mine --memory-limit` holds, how its time grows, and what workers gain.

    python benchmarks/out_of_core.py scale [--sizes 50000 100000 200000] [--memory-limit 2G] [--threads 2]
    python benchmarks/out_of_core.py workers [--size 50000] [--runs 3]

Invented vectors of length 1024 (`datasets.decaying_spectrum`) lie in files. `scale` runs the command for each size
and samples the anonymous memory of all its processes; it fails above --most-gigabytes, or where the processors' time
grows faster than n * m by more than a quarter. `workers` compares two workers of one thread with one process of two
threads, in alternating runs, and fails below 1.0. Both fail where the pairs differ from those of a search in one piece
(`--check`: of `scale`, the smallest size only).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datasets import EXPONENT, decaying_spectrum

SLACK = 1.25


@dataclass(frozen=True)
class Ran:
    """One command: its seconds, those of processors, its largest anonymous memory in bytes, its result, its tiles."""

    seconds: float
    processors: float
    peak: int
    digest: str
    tiles: int
    pairs: int


def main() -> int:
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        return int((scale if options.what == "scale" else workers)(options, Path(folder)))


def scale(options: argparse.Namespace, folder: Path) -> bool:
    print(f"d = {options.dim}, spectrum falling with exponent {options.exponent}, the whole command,", end=" ")
    print(f"--memory-limit {options.memory_limit} --threads {options.threads}")
    print("| n = m | tiles | seconds | of processors | ns a pair | largest anonymous memory, GB | pairs |")
    print("|---|---|---|---|---|---|---|")
    found, failed = list[tuple[int, Ran]](), False
    for size in options.sizes:
        sides = written(folder, size, options)
        limited = ["--memory-limit", options.memory_limit, "--threads", str(options.threads)]
        ran = mined(sides, folder / "tiled.tsv", limited)
        found.append((size, ran))
        costs = f"{ran.seconds:.0f} | {ran.processors:.0f} | {1e9 * ran.processors / size**2:.2f}"
        print(f"| {size} | {ran.tiles} | {costs} | {ran.peak / 1e9:.2f} | {ran.pairs} |", flush=True)
        failed |= ran.peak > 1e9 * options.most_gigabytes
        if options.check and size == options.sizes[0]:
            whole = mined(sides, folder / "whole.tsv", ["--threads", str(options.threads)])
            print(f"the same in one piece: {whole.seconds:.0f} s, {whole.peak / 1e9:.2f} GB, ", end="")
            print("the same bytes" if whole.digest == ran.digest else "OTHER BYTES", flush=True)
            failed |= whole.digest != ran.digest
    for (size, ran), (larger, longer) in zip(found, found[1:], strict=False):
        grown, work = longer.processors / ran.processors, (larger / size) ** 2
        print(f"{size} to {larger}: {work:.2f} times the pairs, {grown:.2f} times the seconds of processors")
        failed |= grown > SLACK * work
    return failed


def workers(options: argparse.Namespace, folder: Path) -> bool:
    sides = written(folder, options.size, options)
    ways = {
        "one process, 2 threads": ["--threads", "2", "--resume"],
        "2 workers, 1 thread each": ["--threads", "2", "--workers", "2"],
    }
    found: dict[str, list[Ran]] = {name: [] for name in ways}
    for _ in range(options.runs):
        for name, words in ways.items():
            found[name].append(mined(sides, folder / "o.tsv", [*words, "--skip-quality"]))
    medians = {name: statistics.median(ran.seconds for ran in runs) for name, runs in found.items()}
    print(f"n = m = {options.size}, d = {options.dim}, median of {options.runs} alternating runs of the whole command")
    print("| way | tiles | seconds | all runs | largest anonymous memory, GB |\n|---|---|---|---|---|")
    for name, runs in found.items():
        every, peak = ", ".join(f"{ran.seconds:.1f}" for ran in runs), max(ran.peak for ran in runs) / 1e9
        print(f"| {name} | {runs[0].tiles} | {medians[name]:.1f} | {every} | {peak:.2f} |")
    one, two = medians.values()
    print(f"two workers: {one / two:.2f} times the speed of two threads")
    return one / two < 1.0 or len({ran.digest for runs in found.values() for ran in runs}) > 1


def written(folder: Path, size: int, options: argparse.Namespace) -> tuple[Path, Path]:
    """Both sides' files, made by a process that then gives its memory back."""
    paths = folder / "x.npy", folder / "y.npy"
    process = os.fork()
    if process == 0:
        for path, side in zip(paths, decaying_spectrum(size, options.dim, 1, options.exponent), strict=True):
            np.save(path, side)
        os._exit(0)
    if os.waitpid(process, 0)[1]:
        raise SystemExit("the vectors could not be made")
    return paths


def mined(sides: tuple[Path, Path], output: Path, words: list[str]) -> Ran:
    """Run `mine` and watch the memory of all its processes."""
    command = [sys.executable, "-m", "fairseq_xling", "mine", "--source", str(sides[0]), "--target", str(sides[1])]
    started, before, peak, tiles = time.perf_counter(), processor_seconds(), 0, 1
    plan = output.with_suffix(".tiles") / "plan.json"
    with subprocess.Popen(
        [*command, "--output", str(output), "--json", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None:
            peak = max(peak, sum(anonymous(pid) for pid in family(process.pid)))
            if plan.is_file():
                tiles = tiles_of(plan) or tiles
            time.sleep(0.05)
        printed, said = process.communicate()
    if process.returncode:
        raise SystemExit(f"the command ended with {process.returncode}: {said}")
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    seconds = time.perf_counter() - started, processor_seconds() - before
    return Ran(*seconds, peak, digest, tiles, json.loads(printed)["pairs"])


def processor_seconds() -> float:
    """Of all processes that this one has started and seen end, and of those that they started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tiles_of(plan: Path) -> int:
    try:
        grid = json.loads(plan.read_text())["grid"]
    except (OSError, ValueError):
        return 0
    return int(grid["rows"] * grid["columns"])


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [one for child in task.read_text().split() for one in family(int(child))]
        except OSError:
            continue
    return found


def anonymous(pid: int) -> int:
    try:
        found = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("scale", "workers"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[50_000, 100_000, 200_000], help="n = m, for scale")
    parser.add_argument("--size", type=int, default=50_000, help="n = m, for workers")
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--exponent", type=float, default=EXPONENT, help="how fast the spectra fall: faster, shorter")
    parser.add_argument("--memory-limit", default="2G")
    parser.add_argument("--most-gigabytes", type=float, default=2.5, help="of memory, above which scale fails")
    parser.add_argument("--threads", type=int, default=2, help="of scale")
    parser.add_argument("--runs", type=int, default=3, help="of workers")
    parser.add_argument("--check", action="store_true", help="compare with a search in one piece")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="for vectors and results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
