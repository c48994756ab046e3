"""`fairseq-xling iterate`, which stands still inside a verb or inside publishing, so that a test can kill it there.

python -m references.held_iterate MARK verb:mine|before:STAGE|after:STAGE ARGUMENTS…   MARK appears when it does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from fairseq_xling.cli import iterate
from fairseq_xling.cli.main import main

if __name__ == "__main__":
    mark, held, *arguments = sys.argv[1:]
    where, _, name = held.partition(":")
    call, rename = iterate.call, Path.rename

    def stand_still() -> None:
        Path(mark).touch()
        time.sleep(3600)

    def held_call(words: Sequence[str], cpus: int) -> int:
        if where == "verb" and words[0] == name:
            stand_still()
        return call(words, cpus)

    def held_rename(self: Path, target: Path) -> Path:
        """The one rename that publishes a stage."""
        publishes = self.name == "out" and str(target).endswith(f"/{name}")
        if publishes and where == "before":
            stand_still()
        renamed = rename(self, target)
        if publishes and where == "after":
            stand_still()
        return renamed

    iterate.call = held_call
    Path.rename = held_rename  # type: ignore[method-assign, assignment]
    sys.exit(main(["iterate", *arguments, "--executor", "inline"]))
