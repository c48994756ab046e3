"""Whether an attempt ended for want of memory, and how much the next one gets."""

from __future__ import annotations

import re

from fairseq_xling.rounds.perform import Outcome

# The kernel's kill, seen by the parent or by a shell between.
_KILLED = (-9, 137)
_SAID = ("exceeded (?:job )?memory limit", "OUT_OF_MEMORY", "MemoryError", "can(?:no|')t allocate memory")
_WORDS = re.compile("|".join([*_SAID, "unable to allocate", "oom[-_ ]?kill"]), re.IGNORECASE)
_UNITS = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2, "": 1}


def ran_out(outcome: Outcome) -> bool:
    """True of a process that was killed, and of one that says why it stopped."""
    return outcome.code in _KILLED or bool(_WORDS.search(outcome.message))


def doubled(mem: str | None) -> str | None:
    """Twice as much, as SLURM writes it; None where how much there was is not known."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)B?", mem or "")
    megabytes = float(found[1]) * _UNITS[found[2]] * 2 if found else 0.0
    return f"{max(1, round(megabytes))}M" if megabytes else None
