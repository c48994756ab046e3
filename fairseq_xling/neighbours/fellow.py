"""One of the `fellows` of a search in tiles, as a program: it loads, waits for its orders, searches, and ends."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from fairseq_xling.errors import XlingError
from fairseq_xling.neighbours.outofcore import search_planned


def search_as_told(orders: TextIO) -> int:
    """Search as the one line of `orders` says; there is none where nothing is to be searched."""
    if find_spec("numba") is not None:
        from fairseq_xling.neighbours import compiled  # noqa: F401 - takes a second, so before it is needed
    line = orders.readline()
    if line:
        told = json.loads(line)
        search_planned(Path(told["folder"]), told["threads"], _say)
    return 0


def _say(said: str) -> None:
    sys.stderr.write(f"{said}\n")


if __name__ == "__main__":
    try:
        sys.exit(search_as_told(sys.stdin))
    except (XlingError, OSError, MemoryError) as fault:
        sys.exit(str(fault) or type(fault).__name__)
    except KeyboardInterrupt:
        sys.exit(130)
