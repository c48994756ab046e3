"""A first guess of all neighbours from a few leading coordinates, so that thresholds are high from the first block.

Without it the early blocks meet low thresholds, and two thirds of all pairs that are finished need not have been. The
guess is itself a two-way search, of vectors with 30 coordinates; a wrong guess costs time and nothing else.
"""

from __future__ import annotations

import torch

from fairseq_xling.neighbours.bounds import UpperBound
from fairseq_xling.neighbours.codes import no_codes
from fairseq_xling.neighbours.gemm import Gemm
from fairseq_xling.neighbours.lists import TopLists
from fairseq_xling.neighbours.sweep import Problem, offer_guesses
from fairseq_xling.neighbours.threads import on_all_cores
from fairseq_xling.neighbours.workers import Grid, sweep_all

_WIDTH = 32
_GUESSES = 2  # for each place of a list


def warm_up(problem: Problem, product: Gemm, grid: Grid) -> None:
    """Fill the lists of a problem whose bound has leading coordinates with good pairs and their exact cosines."""
    guess = _coarse(problem)
    sweep_all(guess, product, grid)
    for own, other, lists, ids in (
        (problem.source, problem.target, problem.rows, guess.rows.ids),
        (problem.target, problem.source, problem.columns, guess.columns.ids),
    ):

        def offer(first: int, own=own, other=other, lists=lists, ids=ids) -> None:  # type: ignore[no-untyped-def]
            offer_guesses(own, other, lists, ids[first : first + grid.block_rows], first)

        on_all_cores(offer, range(0, len(own), grid.block_rows), grid.threads)


def _coarse(problem: Problem) -> Problem:
    """The same search with the leading coordinates and the offsets only, in vectors of _WIDTH."""
    bound = problem.bound
    coordinates = min(_WIDTH - 2, bound.source.shape[1] - 1)
    parts = []
    for factors, offsets, last in ((bound.source, bound.source_offsets, 1), (bound.target, bound.target_offsets, 0)):
        side = torch.ones(len(factors), coordinates + 2)
        side[:, :coordinates] = factors[:, :coordinates]
        column = torch.from_numpy(offsets)
        side[:, coordinates + 1 - last] = column - column.mean()
        parts.append(side)
    source, target = parts
    dtype = bound.source.dtype
    nothing = torch.zeros(len(source)).numpy(), torch.zeros(len(target)).numpy()
    codes = no_codes(len(source)), no_codes(len(target))
    rough = UpperBound(source.to(dtype), target.to(dtype), *nothing, 0.0, *codes, 0.0)
    keep = [min(_GUESSES * lists.k, len(other)) for lists, other in ((problem.rows, target), (problem.columns, source))]
    lists = TopLists.empty(len(source), keep[0]), TopLists.empty(len(target), keep[1])
    return Problem(source.numpy(), target.numpy(), rough, *lists)
