"""Batches of the task, what it does with a rank's spare batch, retrieval of a validation set."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from references import small_dual
from references.dual_world import task, write_world

from fairseq_xling.errors import ConfigError
from fairseq_xling.tasks._dual_options import DualAlignmentConfig


@pytest.fixture
def world(tmp_path):
    write_world(tmp_path)
    return tmp_path


def test_batches_of_pairs_in_step(world) -> None:
    found = task(DualAlignmentConfig, world)
    found.load_dataset("train")
    data, symbols = found.dataset("train"), found.source_dictionary
    assert len(data) == 80
    batch = data.collater([data[0], data[79]])
    lines = [(world / f"train.aa-cc.{side}").read_text(encoding="utf-8").splitlines()[0] for side in ("aa", "cc")]
    for tokens, line in zip((batch["net_input"]["src_tokens"][0], batch["target"][0]), lines, strict=True):
        assert int(tokens[0]) == symbols.bos()
        assert symbols.string(tokens[1:], extra_symbols_to_ignore={symbols.pad()}) == line
    # The languages are numbered in the order in which the pairs name them: aa, cc, bb.
    assert batch["languages"].tolist() == [[0, 1], [2, 1]]
    assert found.languages == ("aa", "cc", "bb")
    assert found.state_dict()["dual"] == {"languages": ["aa", "cc", "bb"], "style": "first"}


def test_validation_goes_pair_by_pair(world) -> None:
    found = task(DualAlignmentConfig, world)
    found.load_dataset("valid")
    data = found.dataset("valid")
    batches = data.batch_by_size(data.ordered_indices(), max_sentences=100)
    assert [len(batch) for batch in batches] == [12, 12]


def test_hard_negatives_come_from_the_miner(world) -> None:
    lines = [f"1.0\t{i}\t{(i + 1) % 40}\tforward\t0\n" for i in range(40)]
    for pair in ("aa-cc", "bb-cc"):
        (world / f"train.{pair}.neighbours.tsv").write_text("".join(lines), encoding="utf-8")
    found = task(DualAlignmentConfig, world, dual_hard_negatives=1)
    found.load_dataset("train")
    data = found.dataset("train")
    sample = data[5][1]
    assert torch.equal(sample["hard"][0], data[6][1]["target"])
    assert data.collater([data[5], data[6]])["hard"].shape[:2] == (2, 1)
    found.load_dataset("valid")  # which has none
    assert "hard" not in found.dataset("valid")[0]


def test_a_spare_batch_is_marked(world, monkeypatch) -> None:
    from fairseq.tasks import FairseqTask

    seen = []
    monkeypatch.setattr(FairseqTask, "train_step", lambda self, sample, *others: seen.append(sample) or (0, 0, {}))
    found, sample = task(DualAlignmentConfig, world), {"id": 1}
    found.train_step(sample, None, None, None, 1)
    found.train_step(sample, None, None, None, 1, ignore_grad=True)
    assert seen == [{"id": 1}, {"id": 1, "ignored": True}]
    assert sample == {"id": 1}


def test_retrieval_of_the_validation_set(world) -> None:
    found = task(DualAlignmentConfig, world, dual_eval_retrieval=True)
    found.load_dataset("valid")
    model = small_dual.model(symbols=found.source_dictionary)
    values = found._retrieval(model)
    for number, pair in enumerate(found.validated):
        data = found._validation[pair]
        vectors = [
            torch.cat([model.sentence_vectors(side[i][None]) for i in range(12)]) for side in (data.source, data.target)
        ]
        cosines = torch.nn.functional.cosine_similarity(vectors[0][:, None], vectors[1][None], dim=2)
        right = sum(int(cosines[i].argmax() == i) + int(cosines[:, i].argmax() == i) for i in range(12))
        assert float(values[number]) == pytest.approx(right / 24)


def test_sampling_by_temperature(world) -> None:
    found = task(DualAlignmentConfig, world, dual_temperature=5.0)
    found.load_dataset("train")
    data = found.dataset("train")
    assert len(data) == 80
    assert np.array_equal(data.ordered_indices()[:0], [])
    assert {sample[0] for sample in (data[i] for i in range(80))} == {0, 1}


def test_faults(world) -> None:
    with pytest.raises(ConfigError, match="--dual-pairs ro_RO-en_XX"):
        task(DualAlignmentConfig, world, dual_pairs=None, dual_langs="aa,bb")
    with pytest.raises(ConfigError, match="--dual-hard-negatives must be at least 0"):
        task(DualAlignmentConfig, world, dual_hard_negatives=-1)
