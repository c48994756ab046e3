"""Print the one resolved path of the plug-in, for fairseq's --user-dir.

fairseq refuses to load a plug-in from two paths in one process; give this path everywhere.
    fairseq-train DATA --user-dir "$(fairseq-xling user-dir)" --task criss ...
Bare `--user-dir fairseq_xling` means the same from any directory once the package is installed.
"""

from __future__ import annotations

import argparse

from fairseq_xling import USER_DIR
from fairseq_xling.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes no options."""


def run(args: argparse.Namespace) -> int:
    emit(USER_DIR)
    return 0
