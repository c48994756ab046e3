"""Language identification as a plug: any function from a line to a code; here, one made of a fastText model."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from fairseq_xling.errors import CorpusError, MissingDependencyError


def fasttext_identifier(path: str | os.PathLike[str]) -> Callable[[str], str]:
    """The likeliest code of a line by a user's fastText model: `__label__fur_Latn` is `fur`, no answer is empty."""
    path = Path(path)
    if not path.is_file():
        raise CorpusError(f"{path} is not a file. Name a fastText language identification model (.bin or .ftz).")
    try:
        import fasttext
    except ImportError as fault:
        raise MissingDependencyError(
            "language identification with a fastText model needs the package fasttext. Install it: pip install fasttext"
        ) from fault
    try:
        model = fasttext.load_model(str(path))
    except ValueError as fault:
        raise CorpusError(f"{path} is not a fastText model ({fault}). Download it again.") from fault

    def identify(line: str) -> str:
        # The model's inner predict: the outer one asks NumPy 2 for a copy-free array that it does not give.
        found = model.f.predict(line.replace("\n", " ") + "\n", 1, 0.0, "replace")
        label = found[0][1] if found else ""
        return label.removeprefix("__label__").partition("_")[0]

    return identify
