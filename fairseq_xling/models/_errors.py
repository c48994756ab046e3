"""The user's errors inside fairseq's commands, which know only tracebacks: one line on stderr and exit code 2."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from torch.multiprocessing import ProcessExitedException

from fairseq_xling.errors import XlingError


def in_fairseq_command() -> bool:
    """Whether this process is one of fairseq's own commands, as opposed to ours, a notebook or a test."""
    program = Path(sys.argv[0])
    return program.parent.name == "fairseq_cli" or (
        program.name.startswith("fairseq-") and program.name != "fairseq-xling"
    )


@contextlib.contextmanager
def user_errors() -> Iterator[None]:
    """Ends a fairseq command with the error's one line; anywhere else the error is raised as it is.

    An exit and not an exception, because fairseq's trainer replaces exceptions by its own while loading a checkpoint.
    """
    try:
        yield
    except XlingError as error:
        if not in_fairseq_command():
            raise
        sys.stdout.flush()
        sys.stderr.write(f"fairseq-xling: error: {error}\n")
        sys.stderr.flush()
        raise SystemExit(error.exit_code) from error


def pass_on_exit_code() -> None:
    """Let a fairseq command end as the processes that it started did, which have said why; once, and nowhere else.

    torch.multiprocessing turns their exit code into an exception, and that into a traceback and exit code 1.
    """
    if not in_fairseq_command() or getattr(sys.excepthook, "passes_on", False):
        return
    usual = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if isinstance(error, ProcessExitedException) and error.exit_code == XlingError.exit_code:
            raise SystemExit(error.exit_code)
        usual(kind, error, traceback)

    hook.passes_on = True  # type: ignore[attr-defined]
    sys.excepthook = hook
