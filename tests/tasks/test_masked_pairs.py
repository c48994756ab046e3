"""Sentences and joined pairs in one epoch, with and without the languages' tokens."""

from __future__ import annotations

import pytest
from references.dual_world import task, write_world

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.tasks._dual_options import MaskedPairsConfig


@pytest.fixture
def world(tmp_path):
    write_world(tmp_path, coded=True)
    return tmp_path


def test_mixed_by_share(world) -> None:
    found = task(MaskedPairsConfig, world, masked_mono="aa,cc", masked_pair_share=0.25)
    found.load_dataset("train")
    data = found.dataset("train")
    assert len(data) == 160
    bos = found.source_dictionary.bos()
    starts = [int((data[i][1]["tokens"] == bos).sum()) for i in range(160)]
    assert starts.count(2) == 40
    assert starts.count(1) == 120
    found.load_dataset("valid")
    assert len(found.dataset("valid")) == 48
    assert found.max_positions() == (256, 256)


def test_language_codes(world) -> None:
    found = task(MaskedPairsConfig, world, masked_mono="bb", masked_language_codes=True)
    found.load_dataset("train")
    data, symbols = found.dataset("train"), found.source_dictionary
    texts = [symbols.string(data[i][1]["tokens"]) for i in range(len(data))]
    assert any(text.endswith("[bb]") and "[cc]" not in text for text in texts)
    assert any("[aa]" in text and text.endswith("[cc]") for text in texts)
    # The tokens are no ordinary ones: they are never asked for.
    start, end = found.tokens.ordinary
    assert all(not start <= symbols.index(f"[{code}]") < end for code in ("aa", "bb", "cc"))


def test_monolingual_alone(world) -> None:
    found = task(MaskedPairsConfig, world, dual_pairs=None, dual_langs="aa,bb", masked_mono="aa")
    found.load_dataset("train")
    assert len(found.dataset("train")) == 40


def test_faults(world) -> None:
    with pytest.raises(ConfigError, match="nothing to train on"):
        task(MaskedPairsConfig, world, dual_pairs=None)
    with pytest.raises(ConfigError, match="2 faults: --masked-mono xx .*; --masked-pair-share must be between"):
        task(MaskedPairsConfig, world, masked_mono="aa,xx", masked_pair_share=1.0)
    with pytest.raises(ConfigError, match="positions restart at `<s>`"):
        task(MaskedPairsConfig, world, dual_style="none")
    (world / "bb" / "train").unlink()
    with pytest.raises(CorpusError, match="has no train data"):
        task(MaskedPairsConfig, world, masked_mono="bb").load_dataset("train")


def test_codes_need_tokens(tmp_path) -> None:
    write_world(tmp_path)
    with pytest.raises(ConfigError, match="the dictionary has no token"):
        task(MaskedPairsConfig, tmp_path, masked_language_codes=True)
