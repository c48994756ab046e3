"""How a search's cost grows: measured at several sizes, and extrapolated to sizes that are too large to try.

    python benchmarks/scaling.py                    # 10 000, 20 000 and 40 000 a side, d = 1024: a few minutes

Costs are seconds of all processors together, so that a busy machine distorts them less than the time. A search has
parts that grow with n and parts that grow with n^2. The exponent is that between the two largest sizes; it rises to 2
for a search that looks at all pairs, which is therefore extrapolated by what a further pair cost between these sizes.
What looks at a part of the pairs is extrapolated by its exponent.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import torch
from datasets import EXPONENT, INDEXED
from indexes import run

from fairseq_xling.neighbours.indexes import large_index
from fairseq_xling.neighbours.kernel import SearchConfig, search

SIZES = [10_000, 20_000, 40_000]
BEYOND = [10**6, 10**8, 10**9]
METHODS = ["exact", "likely", "IVF,SQ8"]
ALL_PAIRS = ("exact", "likely")
LANGUAGE_PAIRS = 90  # of a round of CRISS
PAPER = (8 * 15 * LANGUAGE_PAIRS, 8 * 30 * LANGUAGE_PAIRS)  # GPU-hours: 8 GPUs for 15 to 30 hours a pair


def main() -> int:
    options = arguments()
    torch.set_num_threads(options.threads)
    warm = INDEXED[options.data](2000, options.dim, options.seed, EXPONENT)
    for recall in (None, 0.9):  # compiles and probes, once in a process
        search(*warm, SearchConfig(recall=recall))
    costs: dict[str, list[float]] = {method: [] for method in options.method}
    print(f"{options.data}, d = {options.dim}, k = {options.k}, {options.threads} threads: seconds of all processors\n")
    for size in options.sizes:
        sides = INDEXED[options.data](size, options.dim, options.seed, EXPONENT)
        for method, spent in costs.items():
            index = large_index(size) if method == "IVF,SQ8" else method  # what `--index auto` takes for more rows
            spent.append(run(index, *sides, options).processor)
            print(f"{size} {index}: {spent[-1]:.1f}", file=sys.stderr, flush=True)
    sizes = options.sizes
    print(f"| search | {' | '.join(f'n = {size}' for size in sizes)} | exponent | ns a further pair |")
    print("|---" * (len(sizes) + 3) + "|")
    for method, spent in costs.items():
        seconds = " | ".join(f"{one:.1f}" for one in spent)
        print(f"| {method} | {seconds} | {exponent(sizes, spent):.2f} | {1e9 * further(sizes, spent):.1f} |")
    extrapolated(costs, options)
    return 0


def exponent(sizes: list[int], spent: list[float]) -> float:
    return float(np.log(spent[-1] / spent[-2]) / np.log(sizes[-1] / sizes[-2]))


def further(sizes: list[int], spent: list[float]) -> float:
    """Seconds for each pair that the largest size has beyond the one before."""
    return (spent[-1] - spent[-2]) / (sizes[-1] ** 2 - sizes[-2] ** 2)


def extrapolated(costs: dict[str, list[float]], options: argparse.Namespace) -> None:
    """Hours of one core, and of a GPU of an assumed speed that only multiplies, for one pair of languages."""
    print("\n| extrapolated, n = m | " + " | ".join(f"{n:.0e}" for n in BEYOND) + " |")
    print("|---" * (len(BEYOND) + 1) + "|")
    for method, spent in costs.items():
        sizes, last = options.sizes, spent[-1]
        if method.startswith(ALL_PAIRS):
            hours = [(last + further(sizes, spent) * (n**2 - sizes[-1] ** 2)) / 3600 for n in BEYOND]
        else:
            hours = [last * (n / sizes[-1]) ** exponent(sizes, spent) / 3600 for n in BEYOND]
        print(f"| {method}, core-hours | {' | '.join(f'{one:.3g}' for one in hours)} |")
    hours = [2 * float(n) ** 2 * options.dim / (1e12 * options.teraflops) / 3600 for n in BEYOND]
    print(f"| exact, GPU-hours at {options.teraflops:g} Tflop/s | {' | '.join(f'{one:.3g}' for one in hours)} |")
    hours = [LANGUAGE_PAIRS * one for one in hours]
    print(f"| the same, {LANGUAGE_PAIRS} pairs of languages | {' | '.join(f'{one:.3g}' for one in hours)} |")
    print(f"\nthe paper's round: {PAPER[0]} to {PAPER[1]} GPU-hours")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="two or more, rising")
    parser.add_argument("--method", nargs="+", default=METHODS, help="exact, likely[:R], IVF,SQ8 or a factory")
    parser.add_argument("--data", choices=list(INDEXED), default="natural neighbours")
    parser.add_argument("--dim", type=int, default=1024)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--teraflops", type=float, default=100.0, help="what a GPU sustains: assumed, not measured")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
