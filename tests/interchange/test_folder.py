"""Configurations and weights of Hugging Face folders: read, refused, written in equal bytes."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import pytest
import torch

from fairseq_xling.errors import CheckpointError, MissingDependencyError
from fairseq_xling.files import sha256_file
from fairseq_xling.interchange.folder import read_config, read_tensors, write_json, write_tensors

TENSORS = {"b": torch.arange(6.0).view(2, 3), "a": torch.ones(2, dtype=torch.float16)}


class Runs:
    """Code that a pickle brings along."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


def configured(folder: Path, **fields: object) -> Path:
    write_json(folder / "config.json", {"model_type": "mbart", "vocab_size": 9, **fields})
    return folder


def test_weights_come_back(tmp_path: Path) -> None:
    write_tensors(tmp_path / "model.safetensors", TENSORS)
    found, inputs = read_tensors(tmp_path)
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], value) and found[name].dtype == value.dtype for name, value in TENSORS.items())
    assert inputs == {str(tmp_path / "model.safetensors"): sha256_file(tmp_path / "model.safetensors")}


def test_equal_weights_equal_bytes(tmp_path: Path) -> None:
    """In whatever order and layout in memory."""
    other = {"a": TENSORS["a"].clone(), "b": TENSORS["b"].t().contiguous().t()}
    write_tensors(tmp_path / "one", TENSORS)
    write_tensors(tmp_path / "two", other)
    assert sha256_file(tmp_path / "one") == sha256_file(tmp_path / "two")


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.save({"a": torch.ones(1), "b": Runs()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError):
        read_tensors(tmp_path)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("content", [[1, 2], {"a": 3}])
def test_a_pickle_without_weights(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="does not hold weights by name"):
        read_tensors(tmp_path)


def test_weights_that_are_not_whole(tmp_path: Path) -> None:
    write_tensors(tmp_path / "model.safetensors", TENSORS)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-1])
    with pytest.raises(CheckpointError, match="is not a whole safetensors file"):
        read_tensors(tmp_path)


def test_weights_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
        read_tensors(tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "part"}}))
    (tmp_path / "part").write_bytes(pickle.dumps({}))
    with pytest.raises(CheckpointError):
        read_tensors(tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "gone.safetensors"}}))
    with pytest.raises(CheckpointError, match=r"gone\.safetensors does not exist"):
        read_tensors(tmp_path)
    index.write_text("{}")
    with pytest.raises(CheckpointError, match="is not a list of weight files"):
        read_tensors(tmp_path)


def test_configurations(tmp_path: Path) -> None:
    assert read_config(configured(tmp_path, d_model=7), ["mbart"])["d_model"] == 7


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"model_type": "t5", "architectures": ["T5Model"]}, r"type `t5` \(T5Model\), but only mbart and xlm can"),
        ({"model_type": None}, r"type `None` \(unnamed\)"),
        ({"pad_token_id": 0}, "pad_token_id is 0, but fairseq's is always 1"),
        ({"vocab_size": None}, "does not say the vocab_size"),
    ],
)
def test_configurations_that_cannot_be_used(tmp_path: Path, fields: dict, fault: str) -> None:
    with pytest.raises(CheckpointError, match=fault):
        read_config(configured(tmp_path, **fields), ["mbart", "xlm"])


@pytest.mark.parametrize("content", ["", "[]", "no json"])
def test_no_configuration(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match="is not a model's configuration"):
        read_config(tmp_path, ["mbart"])


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere is no folder with a config\.json"):
        read_config(tmp_path / "nowhere", ["mbart"])


def test_without_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tensors(tmp_path / "model.safetensors", TENSORS)
    for name in ("safetensors", "safetensors.torch"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        read_tensors(tmp_path)
    with pytest.raises(MissingDependencyError, match="pip install"):
        write_tensors(tmp_path / "two", TENSORS)
