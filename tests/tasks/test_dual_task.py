"""Languages and pairs as they are written, sides that must be in step, lengths."""

from __future__ import annotations

import numpy as np
import pytest
from omegaconf import OmegaConf
from references.dual_world import task, write_world

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.languages import Pair
from fairseq_xling.tasks._dual_options import DualAlignmentConfig
from fairseq_xling.tasks._dual_task import dual_languages, dual_pairs


def test_pairs_keep_their_direction() -> None:
    known = ["en", "ro", "hi"]
    assert dual_pairs("ro-en,en-hi", known) == [Pair("ro", "en"), Pair("en", "hi")]
    assert dual_pairs("all", known) == [Pair("en", "ro"), Pair("en", "hi"), Pair("ro", "hi")]
    assert dual_pairs("pivots:en", known) == [Pair("ro", "en"), Pair("hi", "en")]
    assert dual_pairs(None, known) == []
    with pytest.raises(ConfigError, match="pair `ro-en` is given twice"):
        dual_pairs("ro-en,ro-en", known)
    with pytest.raises(ConfigError, match="unknown language `xx`"):
        dual_pairs("ro-xx", known)


def languages(coded: list[str], **named: str) -> list[str]:
    return dual_languages(OmegaConf.structured(DualAlignmentConfig(**named)), coded)


def test_languages() -> None:
    assert languages([], dual_pairs="ro-en,hi-en") == ["ro", "en", "hi"]
    assert languages(["en", "hi", "ro", "xx"], dual_pairs="ro-en,hi-en") == ["en", "hi", "ro"]
    assert languages(["en", "ro"], dual_pairs="all") == ["en", "ro"]
    assert languages([], dual_langs="en,ro", dual_pairs="all") == ["en", "ro"]
    with pytest.raises(ConfigError, match="--dual-langs aa,bb,…"):
        languages([], dual_pairs="all")
    with pytest.raises(ConfigError, match="zh-Hans-en is not source-target"):
        languages([], dual_pairs="zh-Hans-en")


def test_sides_must_be_in_step(tmp_path) -> None:
    write_world(tmp_path)
    path = tmp_path / "train.bb-cc.cc"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    with pytest.raises(CorpusError, match="train of bb-cc has 40 sentences of bb but 39 of cc"):
        task(DualAlignmentConfig, tmp_path).load_dataset("train")


def test_long_sentences_are_skipped_and_counted(tmp_path, caplog) -> None:
    write_world(tmp_path)
    found = task(DualAlignmentConfig, tmp_path, dual_longest=6)
    found.load_dataset("train")
    data = found.dataset("train")
    kept = found.filter_indices_by_size(np.arange(len(data)), data, found.max_positions())
    assert 0 < len(kept) < 80
    assert all(max(data.size(i)) <= 6 for i in kept)
    assert f"{80 - len(kept)} of 80 items are too long" in caplog.text
    shorter = task(DualAlignmentConfig, tmp_path, dual_longest=3)
    with pytest.raises(CorpusError, match="all 80 items are longer than the 3 tokens"):
        shorter.filter_indices_by_size(np.arange(len(data)), data, shorter.max_positions())


def test_faults(tmp_path) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        task(DualAlignmentConfig, tmp_path / "nowhere")
    write_world(tmp_path)
    with pytest.raises(ConfigError, match="--dual-temperature must be above 0"):
        task(DualAlignmentConfig, tmp_path, dual_temperature=0.0)
    with pytest.raises(ConfigError, match="--dual-style must be first"):
        task(DualAlignmentConfig, tmp_path, dual_style="suffix")


def test_pairs_that_are_found(tmp_path) -> None:
    write_world(tmp_path, coded=True)
    for side in ("bb", "cc"):
        (tmp_path / f"train.bb-cc.{side}").rename(tmp_path / f"train.cc-bb.{side}")
    found = task(DualAlignmentConfig, tmp_path, dual_pairs="found")
    assert found.trained == found.validated == (Pair("aa", "cc"), Pair("bb", "cc"))
    (tmp_path / "valid.bb-cc.bb").unlink()
    assert task(DualAlignmentConfig, tmp_path, dual_pairs="found").validated == (Pair("aa", "cc"),)
    for path in tmp_path.glob("train.*"):
        path.unlink()
    with pytest.raises(ConfigError, match="has no pair of languages with `train` data, but `found` is asked"):
        task(DualAlignmentConfig, tmp_path, dual_pairs="found")
