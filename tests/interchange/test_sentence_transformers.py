"""SentenceTransformer's vectors are those of our encoder, for every kind of model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from references.written_dual import write_dual
from references.written_model import WrittenModel, write_checkpoint
from sentence_transformers import SentenceTransformer

from fairseq_xling.encoders.checkpoint import CheckpointEncoder
from fairseq_xling.encoders.opening import ModelChoice, open_encoder
from fairseq_xling.errors import CheckpointError, ConfigError
from fairseq_xling.interchange.sentence_transformers import REQUIREMENT, SentenceVectors, to_sentence_transformers

KINDS = {
    "criss": {"style": "none"},
    "criss told the language": {"style": "suffix"},
    "dual": {"style": "first"},
    "dual of mbart's layers": {"style": "none", "dual_tower": "mbart", "no_scale_embedding": False},
    "dual of two layers": {"style": "first", "dual_pooling": "avg_first_last", "dual_train_head": True},
}


def written(kind: str, model: WrittenModel, folder: Path) -> ModelChoice:
    if kind.startswith("criss"):
        path = write_checkpoint(folder / "c.pt", model.data, KINDS[kind]["style"])
        return ModelChoice(str(path), str(model.data / "dict.txt"), str(model.data / "spm.model"))
    return write_dual(folder / "d.pt", model.data, **KINDS[kind])


def loaded(folder: Path) -> SentenceTransformer:
    return SentenceTransformer(str(folder), device="cpu", trust_remote_code=True)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors(written_model: WrittenModel, tmp_path: Path, kind: str) -> None:
    choice = written(kind, written_model, tmp_path)
    language = "aa" if kind == "criss told the language" else None
    manifest = to_sentence_transformers(choice, str(tmp_path / "st"), language)
    assert manifest.config == {"format": "sentence-transformers"}
    lines = [*(written_model.texts / "mono.aa").read_text().splitlines(), "", "Ω", "pa " * 99]
    expected = CheckpointEncoder(open_encoder(choice)).encode(lines, language)
    model = loaded(tmp_path / "st")
    found = model.encode(lines, batch_size=7)
    assert found.dtype == np.float32
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert model.get_embedding_dimension() == model.get_sentence_embedding_dimension() == expected.shape[1]


def test_a_prompt_is_put_before_the_line(written_model: WrittenModel, tmp_path: Path) -> None:
    to_sentence_transformers(written("criss", written_model, tmp_path), str(tmp_path / "st"))
    model = loaded(tmp_path / "st")
    np.testing.assert_allclose(model.encode("pa", prompt="ti "), model.encode("ti pa"), atol=1e-6)


def test_saved_again_with_the_weights_of_now(written_model: WrittenModel, tmp_path: Path) -> None:
    to_sentence_transformers(written("dual", written_model, tmp_path), str(tmp_path / "st"))
    model = loaded(tmp_path / "st")
    before = model.encode("pa ti")
    model.max_seq_length = 9
    with torch.no_grad():
        model[0].model.encoder.sentence_encoder.embed_tokens.weight.mul_(3)
    changed = model.encode("pa ti")
    assert np.abs(changed - before).max() > 1e-3
    for folder in (tmp_path / "again", tmp_path / "st"):
        model.save(str(folder))
        again = loaded(folder)
        np.testing.assert_array_equal(again.encode("pa ti"), changed)
        assert again.max_seq_length == 9


def test_gradients_reach_the_encoder(written_model: WrittenModel, tmp_path: Path) -> None:
    to_sentence_transformers(written("criss", written_model, tmp_path), str(tmp_path / "st"))
    model = loaded(tmp_path / "st")
    model(model.preprocess(["pa ti"]))["sentence_embedding"].sum().backward()
    assert model[0].model.encoder.layers[0].fc1.weight.grad.abs().max() > 0


def test_the_language_of_a_model_that_reads_it(written_model: WrittenModel, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Name it with --lang"):
        to_sentence_transformers(written("criss told the language", written_model, tmp_path), str(tmp_path / "st"))
    with pytest.raises(ConfigError, match="Leave --lang out"):
        to_sentence_transformers(written("dual", written_model, tmp_path), str(tmp_path / "st"), "aa")
    assert not (tmp_path / "st").exists()


def test_our_class_is_said_where_it_is_looked_for(written_model: WrittenModel, tmp_path: Path) -> None:
    to_sentence_transformers(written("criss", written_model, tmp_path), str(tmp_path / "st"))
    (module,) = json.loads((tmp_path / "st" / "modules.json").read_text())
    assert module["type"] == "fairseq_xling.interchange.sentence_transformers.SentenceVectors"
    assert module["type"] in (tmp_path / "st" / "README.md").read_text()


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "sentence_vectors.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"sentence_vectors\.json cannot be read"):
        SentenceVectors.load(str(tmp_path))


def test_the_extra_asks_for_the_same(root: Path) -> None:
    assert f'"sentence-transformers": ["{REQUIREMENT}"]' in (root / "setup.py").read_text(encoding="utf-8")
