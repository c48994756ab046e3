"""CRISS' encoder or a dual encoder as a model of sentence-transformers, with the vectors of `encode`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_xling.data.bucketing import padded
from fairseq_xling.encoders.opening import NO_SPM, ModelChoice, OpenModel, open_encoder
from fairseq_xling.errors import CheckpointError
from fairseq_xling.files import Manifest, atomic_write, finished_directory, read_bytes
from fairseq_xling.interchange.card import sentence_transformers_card
from fairseq_xling.interchange.folder import write_json
from fairseq_xling.interchange.huggingface import source_template
from fairseq_xling.interchange.slim import MODEL, finish, open_contents, write_contents
from fairseq_xling.models._checkpoints import weights_hash

REQUIREMENT = "sentence-transformers>=5"
SETTINGS = "sentence_vectors.json"


class SentenceVectors(nn.Module):
    """The one module of such a model: lines to pieces, the encoder's states, one vector a line."""

    def __init__(self, folder: str, opened: OpenModel, language: str | None, max_seq_length: int) -> None:
        super().__init__()
        self.folder = folder
        """Where it was loaded from, and what `save` copies."""
        self.model = opened.model
        self.language = language
        self.max_seq_length = max_seq_length
        self._opened = opened

    @classmethod
    def load(cls, input_path: str) -> SentenceVectors:
        """From a folder that `to_sentence_transformers` or `save` wrote."""
        path = Path(input_path)
        try:
            settings = json.loads(read_bytes(path / SETTINGS))
            language, longest, pieces = (settings[name] for name in ("language", "max_seq_length", "pieces"))
        except (ValueError, KeyError) as fault:
            raise CheckpointError(f"{path / SETTINGS} cannot be read ({fault!r}). Convert the model again.") from fault
        opened = open_encoder(ModelChoice(str(path / MODEL), spm=None if pieces else NO_SPM))
        return cls(input_path, opened, language, longest)

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """The same folder with the weights of now."""
        here, there = Path(self.folder), Path(output_path)
        settings = {**json.loads(read_bytes(here / SETTINGS)), "max_seq_length": self.max_seq_length}
        state = torch.load(here / MODEL, weights_only=True)
        state["model"] = {name: value.detach().cpu() for name, value in self.model.state_dict().items()}
        there.mkdir(parents=True, exist_ok=True)
        for path in (here / "dict.txt", here / "spm.model"):
            if path.is_file() and here.resolve() != there.resolve():
                shutil.copyfile(path, there / path.name)
        with atomic_write(there / MODEL, "wb") as stream:
            torch.save(state, stream)
        write_json(there / SETTINGS, settings)

    def preprocess(self, inputs: Sequence[str], prompt: str | None = None, **kwargs: Any) -> dict[str, Tensor]:
        """Lines to the encoder's input, [n, length]; a line too long loses its end."""
        opened = self._opened
        sentences = [opened.sentence(f"{prompt or ''}{line}") for line in inputs]
        tokens = [opened.source(x, opened.tokens, self.language, self.max_seq_length) for x in sentences]
        batch = padded(tokens, opened.tokens.dictionary.pad())
        return {"input_ids": batch, "attention_mask": batch.ne(opened.tokens.dictionary.pad()).long()}

    def tokenize(self, texts: Sequence[str], **kwargs: Any) -> dict[str, Tensor]:
        """`preprocess` as sentence-transformers before 5.4 calls it."""
        return self.preprocess(texts, **kwargs)

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Adds `sentence_embedding` [n, dim] float32."""
        return {**features, "sentence_embedding": self.model.sentence_vectors(features["input_ids"])}

    def get_embedding_dimension(self) -> int:
        return self._opened.dim

    def get_sentence_embedding_dimension(self) -> int:
        """`get_embedding_dimension` as sentence-transformers before 5.4 calls it."""
        return self._opened.dim


def to_sentence_transformers(choice: ModelChoice, output: str, language: str | None = None) -> Manifest:
    """Write OUTPUT, which SentenceTransformer loads; `language` is the one of all lines, where the model reads it."""
    opened, contents = open_contents(choice)
    source_template(opened, language)
    module = f"{SentenceVectors.__module__}.{SentenceVectors.__qualname__}"
    settings = {"language": language, "max_seq_length": opened.longest, "pieces": contents.spm is not None}
    card = sentence_transformers_card(module, getattr(opened.model, "pooling", "mean"), language)
    with finished_directory(output) as folder:
        write_contents(folder, contents)
        write_json(folder / SETTINGS, settings)
        write_json(folder / "modules.json", [{"idx": 0, "name": "0", "path": "", "type": module}])
        write_json(folder / "config_sentence_transformers.json", {"prompts": {}, "similarity_fn_name": "cosine"})
        with atomic_write(folder / "README.md") as stream:
            stream.write(card)
        return finish(folder, "sentence-transformers", opened.inputs, {"weights": weights_hash(opened.model)})
