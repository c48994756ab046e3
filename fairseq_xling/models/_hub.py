"""A trained model in a notebook: translations and sentence vectors from raw sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from fairseq import file_utils
from fairseq.data import data_utils
from fairseq.dataclass.configs import FairseqConfig
from fairseq.hub_utils import GeneratorHubInterface
from fairseq.tasks import setup_task
from omegaconf import OmegaConf
from torch import Tensor

from fairseq_xling.errors import ConfigError
from fairseq_xling.models._loading import load_criss, training_at

BATCH = 32


class CrissHub(GeneratorHubInterface):
    """fairseq's hub interface, which takes the languages with each call."""

    def translate(
        self,
        sentences: list[str],
        source: str | None = None,
        target: str | None = None,
        beam: int = 5,
        verbose: bool = False,
        **options: Any,
    ) -> list[str]:
        """Raw sentences to raw sentences; without languages in the direction of the call before."""
        self.task.set_direction(source, target)
        return super().translate(sentences, beam=beam, verbose=verbose, **options)

    def sentence_vectors(self, sentences: Sequence[str], language: str, layer: int | None = None) -> Tensor:
        """Raw sentences to vectors [n, dim] float32, not normalised; see CrissModel.sentence_vectors."""
        tokens = [self.task.tokens.source(self.encode(sentence), language) for sentence in sentences]
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        vectors: list[Any] = [None] * len(tokens)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = data_utils.collate_tokens([tokens[i] for i in chosen], self.src_dict.pad(), left_pad=True)
            with torch.no_grad():
                found = self.models[0].sentence_vectors(batch.to(self.device), layer=layer).cpu()
            for place, i in enumerate(chosen):
                vectors[i] = found[place]
        return torch.stack(vectors) if vectors else torch.zeros(0, self.models[0].encoder.embed_tokens.embedding_dim)

    def string(self, tokens: Tensor) -> str:
        """Pieces without the language token."""
        return self.tgt_dict.string(tokens, extra_symbols_to_ignore=self.task.tokens.indices)


def load_hub(folder: str, checkpoint: str, data: str, bpe: str | None, **options: Any) -> CrissHub:
    """The hub interface of a checkpoint; `data` with the dictionary is found from the model's folder when it begins
    with a dot, and the SentencePiece model there too."""
    root = Path(file_utils.load_archive_file(folder))
    data_path = root / data if data.startswith(".") else Path(data)
    cfg = OmegaConf.structured(FairseqConfig)
    OmegaConf.set_struct(cfg, False)
    cfg.common.cpu = True
    cfg.dataset.batch_size = BATCH
    if bpe:
        cfg.bpe = {"_name": bpe, **_sentencepiece(root, bpe, options.pop("sentencepiece_model", None))}
    # Interpolations in the task's options point into a whole configuration, which is not there.
    plain = {"train_subset": "train", "dataset_impl": None, "required_seq_len_multiple": 1, "seed": 1}
    plain |= {"criss_pairs": "all", "save_dir": None, "restore_file": None, "finetune_from_model": None}
    path = str(root / checkpoint)
    options.setdefault("criss_source_token", training_at(path).source_token or "none")
    cfg.task = {"_name": "criss", "data": str(data_path), **plain, **options}
    task = setup_task(cfg.task)
    loaded = load_criss(path, task.source_dictionary)
    task.agree(loaded.training)
    return CrissHub(cfg, task, [loaded.model])


def _sentencepiece(root: Path, bpe: str, named: str | None) -> dict[str, str]:
    if bpe != "sentencepiece":
        return {}
    path = Path(named) if named else root / "sentencepiece.bpe.model"
    if not path.is_file():
        raise ConfigError(f"SentencePiece model {path} does not exist. Name it: sentencepiece_model='…/spm.model'.")
    return {"sentencepiece_model": str(path)}
