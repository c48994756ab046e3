"""Every benchmark with a peer or a floor, each in a process of its own, and one table of their figures at the end.

    python benchmarks/bench.py                     # all; about twelve minutes on two cores
    python benchmarks/bench.py mining encode       # some

Each benchmark prints its own tables as it goes; each can be run by itself and has options of its own. Every ratio comes
from one run of both sides. The exit code is 1 where a figure is below its floor or a benchmark fails otherwise.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from figures import HEADER, MARK

BENCHMARKS = ("mining", "surface", "retrieval", "encode", "train")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(BENCHMARKS)}")
    names = parser.parse_args().names or BENCHMARKS
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"{unknown[0]} is not a benchmark; there are {', '.join(BENCHMARKS)}")
    figures, failed = list[str](), list[str]()
    for name in names:
        print(f"==== {name}", flush=True)
        started = time.perf_counter()
        code, found = run(Path(__file__).with_name(f"{name}.py"))
        print(f"==== {name}: {time.perf_counter() - started:.0f} s, exit code {code}\n", flush=True)
        figures += found
        failed += [name] if code else []
    print(HEADER)
    print("\n".join(figures))
    if failed:
        print(f"FAILED {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def run(script: Path) -> tuple[int, list[str]]:
    """(exit code, rows of figures) of one benchmark, whose other lines are passed on."""
    rows = []
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(MARK):
                rows.append(line.removeprefix(MARK).rstrip())
            else:
                print(line, end="", flush=True)
    return process.returncode, rows


if __name__ == "__main__":
    sys.exit(main())
