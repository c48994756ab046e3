"""What mining can be told, with the defaults and the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fairseq_xling.configs import at_least, option
from fairseq_xling.neighbours.indexes import AUTO, EXACT, index_faults
from fairseq_xling.neighbours.memory import parse_bytes
from fairseq_xling.signatures import signature

RATIO_THRESHOLD = 1.06  # CRISS, section 3.1


@dataclass(frozen=True)
class MiningConfig:
    """Every decision of `mine`; `faults()` says what does not go together."""

    margin: Literal["ratio", "distance", "absolute"] = option(
        "ratio",
        "how a cosine is compared with its neighbourhood: cosine / mean, cosine - mean, or the cosine itself",
    )
    retrieval: Literal["max", "forward", "backward", "intersect", "all"] = option(
        "max",
        "max: greedy one-to-one over both directions' best candidates; forward: each source's best target; "
        "backward: each target's best source; intersect: pairs that name each other; "
        "all: every neighbour of either side, with direction and rank",
    )
    mining_k: int = option(4, "neighbours on each side, for the candidates and for the margin's mean")
    threshold: float | None = option(
        None,
        f"keep pairs with a margin above this (default: {RATIO_THRESHOLD} for ratio, else 0; 0 with --compat laser)",
    )
    max_margin: float | None = option(
        None, "drop pairs with a margin above this; margins of 2 and more usually come from broken vectors"
    )
    min_count: int = option(0, "keep at least this many pairs, best first, even below the threshold")
    max_count: int | None = option(None, "keep at most this many pairs, best first (default: all)")
    suggested_cap: bool = option(
        False, "also keep at most as many pairs as the quality estimate trusts (see --target-precision)"
    )
    skip_quality: bool = option(False, "do not estimate how many pairs are right (saves a search inside each language)")
    target_precision: float = option(0.9, "the share of right pairs that the suggested cap aims at", metavar="P")
    unify: bool = option(False, "treat repeated lines as one sentence (the first); needs the texts")
    compat: Literal["laser"] | None = option(
        None, "laser: threshold 0, and --unify takes the vector of the LAST repeated line"
    )
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", "arithmetic of the search; the pairs are the same, bf16 is faster where the processor has it"
    )
    index: str = option(
        "exact",
        "how neighbours are searched; exact: all, proven; auto: by size, exact up to 50 000 x 50 000; likely[:R]: "
        "bounds that hold for most pairs, aiming at recall R (0.95); or a faiss factory, IVF1024,SQ8:nprobe=64",
    )
    device: Literal["cpu", "cuda"] = option(
        "cpu",
        "where products are computed: cpu, or cuda: all GPUs, in tf32 unless --precision says otherwise; "
        "the pairs are the same",
    )
    threads: int | None = option(None, "threads of the search (default: all cores this process may use)")
    memory_limit: str | None = option(
        None,
        "memory of all processes together, files that are mapped apart, as 2G or 500M: the vectors are searched in "
        "tiles that fit; the pairs are the same",
        metavar="SIZE",
    )
    workers: int = option(1, "processes that share the search, each with its part of threads and memory")

    def faults(self) -> Iterator[str]:
        yield from at_least("mining_k", self.mining_k, 1)
        yield from at_least("min_count", self.min_count, 0)
        yield from at_least("max_count", self.max_count, 0)
        yield from at_least("threads", self.threads, 1)
        yield from at_least("workers", self.workers, 1)
        if self.memory_limit is not None and parse_bytes(self.memory_limit) is None:
            yield f"`memory_limit` must be a number with K, M, G or T, as 2G, but is {self.memory_limit!r}"
        yield from index_faults(self.index)
        if self.index not in (EXACT, AUTO) and (self.memory_limit is not None or self.workers > 1):
            yield (
                f"`index` {self.index} holds all vectors in one process, tiles are searched exactly. "
                "Leave out --index, or --memory-limit and --workers"
            )
        if self.device == "cuda" and (
            self.index not in (EXACT, AUTO) or self.memory_limit is not None or self.workers > 1
        ):
            yield "`device` cuda searches all pairs in one process. Leave out --index, --memory-limit and --workers"
        if self.suggested_cap and self.skip_quality:
            yield "`suggested_cap` needs the estimate that `skip_quality` leaves out. Give one of the two"
        if not 0 < self.target_precision <= 1:
            yield f"`target_precision` must be above 0 and at most 1, but is {self.target_precision:g}"
        if self.max_count is not None and self.min_count > self.max_count:
            yield f"`min_count` {self.min_count} is more than `max_count` {self.max_count}. Lower --min-count"
        if self.max_margin is not None and self.max_margin <= self.effective_threshold:
            yield (
                f"`max_margin` {self.max_margin:g} is not above the threshold {self.effective_threshold:g}, "
                "so nothing could be kept. Raise --max-margin or lower --threshold"
            )

    @property
    def effective_threshold(self) -> float:
        """The threshold given, or the default of margin and compatibility."""
        if self.threshold is not None:
            return self.threshold
        return RATIO_THRESHOLD if self.margin == "ratio" and self.compat is None else 0.0

    @property
    def signature(self) -> str:
        """What decides the pairs, limits only where they are set; threads, memory and the like decide nothing.

        An exact index is not named: what is not approximate has the signature it always had.
        """
        limits = {
            "index": None if self.index == EXACT else self.index,
            "max_margin": self.max_margin,
            "min_count": self.min_count or None,
            "max_count": self.max_count,
            "suggested_cap": f"p{self.target_precision:g}" if self.suggested_cap else None,
            "unify": self.unify or None,
            "compat": self.compat,
        }
        return signature(
            margin=self.margin,
            k=self.mining_k,
            retrieval=self.retrieval,
            threshold=self.effective_threshold,
            **{name: value for name, value in limits.items() if value is not None},
        )
