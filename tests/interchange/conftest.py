"""SentencePiece models of several kinds over words of one alphabet; only to be read."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fairseq_xling.text.pieces import PiecesConfig, train_pieces

ALPHABET = "abcdefghijklmnopqrsté'àöñçß"


@pytest.fixture(scope="session")
def words() -> list[str]:
    rng = random.Random(1)
    return ["".join(rng.choices(ALPHABET, k=rng.randint(1, 7))) for _ in range(400)]


@pytest.fixture(scope="session")
def lines(words: list[str]) -> list[str]:
    rng = random.Random(2)
    return [" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(1200)]


@pytest.fixture(scope="session", params=["unigram", "bpe", "unigram bytes", "bpe bytes"])
def spm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> Path:
    folder = tmp_path_factory.mktemp("spm")
    (folder / "text").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    kind, _, fallback = request.param.partition(" ")
    config = PiecesConfig(vocabulary=560 if fallback else 300, kind=kind, byte_fallback=bool(fallback))
    return train_pieces([folder / "text"], folder / "spm.model", config).path
