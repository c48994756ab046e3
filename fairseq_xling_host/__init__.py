"""Makes an unmodified fairseq 0.12.2 run on today's Python, PyTorch and NumPy.

A `.pth` file imports this module when the interpreter starts, so it imports nothing itself: it leaves a finder that,
when one of the modules named in `edits.EDITS` is imported, has its text edited in memory before it is compiled.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from os import PathLike
    from types import ModuleType
    from typing import IO, Any

    from fairseq_xling_host.rows import EditStatus

HOSTS = ("fairseq", "fairseq_cli")


class EditingFinder:
    """First on `sys.meta_path`; speaks up only for fairseq's own modules."""

    @staticmethod
    def find_spec(
        name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """The module's usual spec with a loader that edits, or None where there is nothing to edit."""
        if name.partition(".")[0] not in HOSTS:
            return None
        from fairseq_xling_host.loading import edited_spec

        return edited_spec(name, path, target)


def install() -> None:
    """Put the finder in front; a second call changes nothing."""
    if EditingFinder not in sys.meta_path:
        sys.meta_path.insert(0, EditingFinder)


def status() -> "list[EditStatus]":
    """What each row of the table does to the installed fairseq, read from its files without importing it."""
    from fairseq_xling_host.loading import statuses

    return statuses()


def load_checkpoint_file(file: "str | PathLike[str] | IO[bytes]", map_location: "Any" = "cpu") -> "Any":
    """The checkpoint's content, refusing one that could run code (see `checkpoints.load_checkpoint_file`)."""
    import fairseq_xling_host.checkpoints as checkpoints

    return checkpoints.load_checkpoint_file(file, map_location)


install()
