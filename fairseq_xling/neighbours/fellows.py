"""The other workers of a search in tiles: processes that load while this one reads its input, then search beside it.

Loading takes seconds, so `mine --workers` begins them first of all; each waits for one line that says where
the tiles are. One that fails leaves its tile to the others, so that its fault is said and the search goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from fairseq_xling.processes import die_with_parent

# -P: else the folder in which the user works would come before our own modules.
_WORDS = (sys.executable, "-P", "-m", "fairseq_xling.neighbours.fellow")


class Fellows:
    """So many processes beside this one, which end with the block that is entered, or with this process."""

    def __init__(self, number: int) -> None:
        # A fellow is told how many threads to use; nothing else in it shall start more.
        modules = os.pathsep.join(os.path.abspath(path) for path in sys.path)
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": modules}
        # Files, not pipes: nobody reads what a fellow says before it has ended.
        self._said = [tempfile.TemporaryFile("w+", encoding="utf-8") for _ in range(number)]  # noqa: SIM115
        self._processes = [
            subprocess.Popen(_WORDS, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             stderr=said, text=True, preexec_fn=die_with_parent)
            for said in self._said
        ]  # fmt: skip

    def __enter__(self) -> Fellows:
        return self

    def __exit__(self, *raised: object) -> None:
        for process in self._processes:  # no tile is left, or nobody is left to merge them
            process.kill()
            process.wait()
            if process.stdin:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
        for said in self._said:
            said.close()

    def search(self, folder: Path, threads: int) -> None:
        """Let each take tiles of this folder until none is left; it does so once."""
        for process in self._processes:
            if process.stdin and not process.stdin.closed:
                with contextlib.suppress(BrokenPipeError):  # it has failed, as `tell_of_all` will say
                    process.stdin.write(json.dumps({"folder": os.path.abspath(folder), "threads": threads}) + "\n")
                    process.stdin.close()

    def tell_of_all(self, tell: Callable[[str], None]) -> None:
        """What those have said that have ended; one that still runs has come too late to find a tile."""
        for process, said_there in zip(self._processes, self._said, strict=True):
            code = process.poll()
            if code is None or said_there.closed:
                continue
            with said_there:
                said_there.seek(0)
                lines = said_there.read().splitlines()
            if code == 0:
                for line in lines:
                    tell(line)
                continue
            said = lines[-1] if lines else ""
            if code < 0:
                said = f"it was killed by signal {-code}, as happens where memory runs out"
            tell(f"a worker has failed, and the others have done its part: {said}")
