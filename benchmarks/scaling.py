"""How a search's cost grows: measured at several sizes, fitted, and extrapolated to sizes that are too large to try.

    python benchmarks/scaling.py                    # 10 000, 20 000 and 40 000 a side, d = 1024: a few minutes

Costs are seconds of all processors together, so that a busy machine distorts them less than the time. The fit is
seconds = a * n^b by least squares of the logarithms. The part of a search that grows with n alone makes b smaller than
it is for large n; therefore an extrapolation from the largest size by n^2 stands beside that by the fit.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import torch
from datasets import EXPONENT, INDEXED
from indexes import run

from fairseq_xling.neighbours.kernel import SearchConfig, search

SIZES = [10_000, 20_000, 40_000]
BEYOND = [10**6, 10**8, 10**9]
METHODS = ["exact", "likely", "IVF,SQ8"]
PAIRS = 90  # pairs of languages of a round of CRISS
PAPER = (8 * 15 * PAIRS, 8 * 30 * PAIRS)  # GPU-hours: 8 GPUs for 15 to 30 hours a pair (section 4.1)


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
            # Four times the root of the rows, as `--index auto` would; the default probes a sixteenth of them.
            index = f"IVF{2 ** round(np.log2(4 * size**0.5))},SQ8" if method == "IVF,SQ8" else method
            spent.append(run(index, *sides, options).processor)
            print(f"{size} {index}: {spent[-1]:.1f}", file=sys.stderr, flush=True)
    print(f"| search | {' | '.join(f'n = {size}' for size in options.sizes)} | ns a pair, largest | fit |")
    print("|---" * (len(options.sizes) + 3) + "|")
    for method, spent in costs.items():
        power, constant = np.polyfit(np.log(options.sizes), np.log(spent), 1)
        a_pair = 1e9 * spent[-1] / options.sizes[-1] ** 2
        fit = f"{np.exp(constant):.1e} n^{power:.2f}"
        print(f"| {method} | {' | '.join(f'{seconds:.1f}' for seconds in spent)} | {a_pair:.1f} | {fit} |")
    extrapolated(costs, options)
    return 0


def extrapolated(costs: dict[str, list[float]], options: argparse.Namespace) -> None:
    """Hours of one core by the fit and by n^2 from the largest size, and of a GPU of an assumed speed, per pair."""
    print("\n| extrapolated to n = m | " + " | ".join(f"{n:.0e}" for n in BEYOND) + " |")
    print("|---" * (len(BEYOND) + 1) + "|")
    for method, spent in costs.items():
        power, constant = np.polyfit(np.log(options.sizes), np.log(spent), 1)
        fitted = [np.exp(constant) * n**power / 3600 for n in BEYOND]
        squared = [spent[-1] * (n / options.sizes[-1]) ** 2 / 3600 for n in BEYOND]
        both = [f"{one:.3g} (n^2: {two:.3g})" for one, two in zip(fitted, squared, strict=True)]
        print(f"| {method}, core-hours | {' | '.join(both)} |")
    hours = [2 * float(n) ** 2 * options.dim / (1e12 * options.teraflops) / 3600 for n in BEYOND]
    print(
        f"| exact products on a GPU at {options.teraflops:g} Tflop/s, hours | {' | '.join(f'{h:.3g}' for h in hours)} |"
    )
    print(f"| the same, {PAIRS} pairs of languages | {' | '.join(f'{PAIRS * h:.3g}' for h in hours)} |")
    print(f"\nthe paper's round: {PAPER[0]} to {PAPER[1]} GPU-hours")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
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
