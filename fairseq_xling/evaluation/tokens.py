"""The states that an encoder gave every token of a text, in one file: what token alignments are made of."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import atomic_write

_FIELDS = ("states", "lines", "words", "tokens", "signature")


@dataclass(frozen=True)
class TokenStates:
    """N tokens of n lines, line after line, special tokens left out."""

    states: npt.NDArray[np.float32]
    """[N, dim]."""
    lines: npt.NDArray[np.int64]
    """[n + 1]: where each line's tokens begin, and the end."""
    words: npt.NDArray[np.int64]
    """[N]: the number of each token's word within its line; words are what stands between spaces."""
    tokens: Sequence[str]
    """N pieces as text."""
    signature: str

    def __len__(self) -> int:
        return len(self.lines) - 1

    def line(self, number: int) -> slice:
        """Where a line's tokens stand."""
        return slice(int(self.lines[number]), int(self.lines[number + 1]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz without anything that would have to be executed to read it."""
        with atomic_write(path, "wb") as stream:
            np.savez(
                stream, states=self.states, lines=self.lines, words=self.words, tokens=np.array(self.tokens, dtype=str),
                signature=np.array(self.signature),
            )  # fmt: skip


def open_token_states(path: str | os.PathLike[str]) -> TokenStates:
    """What `save` wrote; raises CorpusError for anything else."""
    if not Path(path).is_file():
        raise CorpusError(f"{path} does not exist. Write it: encode --tokens {path}")
    try:
        with np.load(path, allow_pickle=False) as found:
            states, lines, words, tokens, signature = (found[name] for name in _FIELDS)
    except (ValueError, TypeError, OSError, KeyError, zipfile.BadZipFile) as fault:
        raise CorpusError(f"{path} is not a file of token states. Write it: encode --tokens {path}") from fault
    if not (len(states) == len(words) == len(tokens) == lines[-1]):
        raise CorpusError(f"{path} has {len(states)} states for {len(tokens)} tokens. Write it again.")
    return TokenStates(states, lines, words, tokens.tolist(), str(signature))
