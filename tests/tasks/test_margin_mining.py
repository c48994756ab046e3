"""What the task retrieves, against the library's margins of vectors computed one sentence at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from fairseq.data import data_utils
from references.written_model import prepare, write_checkpoint, write_texts

from fairseq_xling.encoders.opening import ModelChoice, open_model
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.mining.mine import score_pairs
from fairseq_xling.tasks._mining_options import MarginMiningConfig
from fairseq_xling.tasks.margin_mining import MarginMiningTask


@pytest.fixture(scope="module")
def opened(written_model):
    return open_model(ModelChoice(str(written_model.checkpoint)))


def task(data, **options):
    given = {"source_lang": "aa", "target_lang": "bb", "dataset_impl": None, "max_tokens": None, "seed": 1}
    given |= {"required_seq_len_multiple": 1, "train_subset": "train"}
    return MarginMiningTask.setup_task(MarginMiningConfig(data=str(data), **(given | options)))


def vectors(opened, prefix):
    rows = data_utils.load_indexed_dataset(str(prefix), opened.tokens.dictionary)
    with torch.no_grad():
        return np.stack([opened.model.sentence_vectors(row.long()[None])[0].numpy() for row in rows])


def retrieved(made, opened, split):
    """[[(target tokens, printed score), …], …] as fairseq-generate goes through the batches."""
    made.load_dataset(split)
    generator = made.build_generator([opened.model], None)
    count = len(made.dataset(split))
    found = made.inference_step(generator, [opened.model], {"id": torch.arange(count)})
    return [[(h["tokens"].tolist(), h["score"] / math.log(2)) for h in hypotheses] for hypotheses in found]


@pytest.mark.parametrize(("margin", "k"), [("ratio", 4), ("distance", 2), ("absolute", 1)])
def test_margins_are_those_of_score(written_model, opened, margin, k):
    data = written_model.data
    found = retrieved(task(data, mining_margin=margin, mining_k=k), opened, "test")
    source, target = (vectors(opened, data / f"test.aa-bb.{code}") for code in ("aa", "bb"))
    n, m = len(source), len(target)
    config = MiningConfig(margin=margin, mining_k=k)
    every = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
    margins = score_pairs(source, target, every, config).reshape(n, m)
    unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (source, target)]
    nearest = np.argsort(-(unit[0] @ unit[1].T), axis=1)[:, :k]
    texts = [row.tolist() for row in data_utils.load_indexed_dataset(str(data / "test.aa-bb.bb"), None)]
    for i, hypotheses in enumerate(found):
        best = sorted(nearest[i], key=lambda j: -margins[i, j])
        np.testing.assert_allclose([score for _, score in hypotheses], margins[i, best], atol=1e-4)
        assert [tokens for tokens, _ in hypotheses] == [texts[j] for j in best]


def test_monolingual_data_need_not_be_in_step(opened, written_model, tmp_path):
    write_texts(tmp_path / "t")
    short = tmp_path / "t" / "mono.bb"
    short.write_text("".join(short.read_text().splitlines(keepends=True)[:30]))
    data = prepare(tmp_path / "t")
    for name in data.glob("train.aa-bb.*"):
        name.unlink()
    fitting = open_model(ModelChoice(str(write_checkpoint(tmp_path / "model.pt", data))))
    found = retrieved(task(data), fitting, "train")
    assert len(found) == 57
    sides = [vectors(fitting, data / code / "train") for code in ("aa", "bb")]
    assert len(sides[1]) == 29  # one of 30 is for validation
    texts = [row.tolist() for row in data_utils.load_indexed_dataset(str(data / "bb" / "train"), None)]
    ids = np.arange(57), np.array([texts.index(hypotheses[0][0]) for hypotheses in found])
    scores = [hypotheses[0][1] for hypotheses in found]
    np.testing.assert_allclose(scores, score_pairs(*sides, ids), atol=1e-4)


def test_the_language_token_of_the_source_style(written_model, tmp_path):
    opened = open_model(ModelChoice(str(write_checkpoint(tmp_path / "s.pt", written_model.data, "suffix"))))
    found = retrieved(task(written_model.data, criss_source_token="suffix"), opened, "test")
    plain = retrieved(task(written_model.data), opened, "test")
    assert [h[0][1] for h in found] != [h[0][1] for h in plain]


def test_a_sentence_too_long_is_cut_in_the_pool(written_model, opened, caplog):
    with caplog.at_level("WARNING"):
        retrieved(task(written_model.data, max_source_positions=5), opened, "test")
    assert "longer than 5 tokens and cut" in caplog.text


def test_faults(written_model, opened):
    made = task(written_model.data)
    with pytest.raises(ConfigError, match="use it with fairseq-generate"):
        made.build_generator([opened.model], None)
    with pytest.raises(CorpusError, match="has no dev data for aa-bb"):
        made.load_dataset("dev")
    made.load_dataset("test")
    with pytest.raises(ConfigError, match="takes one checkpoint, but 2"):
        made.build_generator([opened.model] * 2, None)
    wrong = task(written_model.data, mining_margin="product")
    wrong.load_dataset("test")
    with pytest.raises(ConfigError, match="--mining-margin must be one of ratio, distance, absolute"):
        wrong.build_generator([opened.model], None)
    zero = task(written_model.data, mining_k=0)
    zero.load_dataset("test")
    with pytest.raises(ConfigError, match="`mining_k` must be at least 1"):
        zero.build_generator([opened.model], None)
