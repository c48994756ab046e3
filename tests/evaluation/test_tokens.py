"""Token states come back as they were saved; other files are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.tokens import TokenStates, open_token_states


def states() -> TokenStates:
    """Two lines, the first one empty, the second of two words and three tokens."""
    rows = np.arange(6, dtype=np.float32).reshape(3, 2)
    return TokenStates(rows, np.array([0, 0, 3]), np.array([0, 0, 1]), ["▁a", "b", "▁č"], "layer:3|xling:0.1.0")


def test_there_and_back(tmp_path: Path) -> None:
    states().save(tmp_path / "t.npz")
    found = open_token_states(tmp_path / "t.npz")
    assert np.array_equal(found.states, states().states)
    assert found.tokens == ["▁a", "b", "▁č"]
    assert found.words.tolist() == [0, 0, 1]
    assert (len(found), found.line(0), found.line(1)) == (2, slice(0, 0), slice(0, 3))
    assert found.signature == "layer:3|xling:0.1.0"


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"does not exist. Write it: encode --tokens"):
        open_token_states(tmp_path / "none.npz")
    (tmp_path / "text").write_text("not an archive")
    np.savez(tmp_path / "other.npz", states=np.zeros((1, 2)))
    np.save(tmp_path / "vectors.npy", np.zeros((1, 2)))
    for name in ("text", "other.npz", "vectors.npy"):
        with pytest.raises(CorpusError, match="is not a file of token states"):
            open_token_states(tmp_path / name)
    broken = states()
    TokenStates(broken.states[:2], broken.lines, broken.words, broken.tokens, "").save(tmp_path / "short.npz")
    with pytest.raises(CorpusError, match="2 states for 3 tokens"):
        open_token_states(tmp_path / "short.npz")
