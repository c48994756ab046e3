"""Mined ids and raw lines to training data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import read_lines
from fairseq_xling.mining.assemble import (
    AssemblyConfig,
    assemble_pairs,
    preprocess_command,
    validation_sample,
    write_assembled,
)
from fairseq_xling.mining.pairs import MinedPairs, read_pairs
from fairseq_xling.text.filters import Languages

SOURCE = ["a house burns", "12 34", "same words here", "a\u2028b c d", "the long road home"]
TARGET = ["une maison", "12 34", "same words here", "e\x85f g h", "la strada lunga"]
PAIRS = MinedPairs(np.array([2.0, 1.8, 1.6, 1.4, 1.1]), np.array([0, 1, 2, 3, 4]), np.array([0, 1, 2, 3, 4]))


def assemble(pairs=PAIRS, **options):
    config = AssemblyConfig(**{"validation": 0, "filters": "copies,letters", **options})
    return assemble_pairs(pairs, (SOURCE, TARGET), config, Languages("en", "fr"))


def test_threshold_filters_cap_in_this_order():
    assembled = assemble(threshold=1.2, max_count=1)
    assert assembled.train.source_ids.tolist() == [0]
    assert assembled.counts == {
        "mined": 5,
        "below_threshold": 1,
        "dropped": {"copies": 2, "letters": 0},
        "passed": 2,
        "over_cap": 1,
        "train": 1,
        "validation": 0,
    }
    assert assembled.line == (
        "5 mined, 1 below the threshold, 2 filtered (copies 2), 1 over the cap: 1 to train on, 0 to validate"
    )


def test_no_filter_keeps_all():
    assert len(assemble(filters="").train) == 5


@given(st.integers(0, 3000), st.integers(0, 200), st.floats(0, 0.5), st.integers(0, 5))
def test_the_sample_is_seeded_random_and_of_the_right_size(count, validation, share, seed):
    config = AssemblyConfig(validation=validation, validation_share=share, seed=seed)
    sampled = validation_sample(count, config)
    size = min(validation, int(count * share))
    assert sampled.sum() == (max(1, size) if count >= 2 and validation and share else size)
    assert (sampled == validation_sample(count, config)).all()


def test_the_sample_is_not_the_best_scored_pairs():
    sampled = validation_sample(1000, AssemblyConfig(validation=200, validation_share=0.5))
    places = np.flatnonzero(sampled)
    assert 400 < places.mean() < 600
    other = validation_sample(1000, AssemblyConfig(validation=200, validation_share=0.5, seed=2))
    assert (other != sampled).any()


def test_every_pair_is_in_exactly_one_part_best_first():
    assembled = assemble(filters="", validation=2, validation_share=0.4)
    parts = assembled.train.source_ids.tolist(), assembled.validation.source_ids.tolist()
    assert sorted(parts[0] + parts[1]) == [0, 1, 2, 3, 4]
    assert len(parts[1]) == 2
    assert parts[0] == sorted(parts[0])


@pytest.mark.parametrize("form", ["moses", "tsv", "tmx"])
def test_raw_lines_reach_the_files_unchanged(tmp_path, form):
    assembled = assemble(filters="", validation=2, validation_share=0.4)
    names = write_assembled(tmp_path, assembled, (SOURCE, TARGET), ("en", "fr"), form)
    assert sorted(names) == sorted(path.name for path in tmp_path.iterdir())
    ids = read_pairs(tmp_path / "train.pairs.tsv").source_ids.tolist()
    assert ids == assembled.train.source_ids.tolist()
    if form == "moses":
        assert read_lines(tmp_path / "train.en-fr.en") == [SOURCE[i] for i in ids]
        assert read_lines(tmp_path / "train.en-fr.fr") == [TARGET[i] for i in ids]
        assert len(read_lines(tmp_path / "valid.en-fr.fr")) == 2
    elif form == "tsv":
        assert [line.split("\t")[1] for line in read_lines(tmp_path / "train.en-fr.tsv")] == [SOURCE[i] for i in ids]


def test_texts_that_were_not_mined_are_refused():
    pairs = MinedPairs(np.array([1.0]), np.array([0]), np.array([5]))
    with pytest.raises(CorpusError, match="target line 5, but the target text has 5 lines"):
        assemble(pairs)


def test_faults_of_a_chain_are_said():
    with pytest.raises(ConfigError, match="did you mean `copies`"):
        assemble(filters="copie")


def test_binarising_is_stock_fairseq():
    command = preprocess_command("d", ("ro_RO", "en_XX"))
    assert command.startswith("fairseq-preprocess -s ro_RO -t en_XX --trainpref d/train.ro_RO-en_XX ")
