"""Any of our encoders as a model that mteb evaluates (Muennighoff et al. 2023, arXiv 2210.07316)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import normalize

from fairseq_xling import __version__
from fairseq_xling.errors import ConfigError, MissingDependencyError
from fairseq_xling.languages import to_mbart
from fairseq_xling.protocols import SentenceEncoder
from fairseq_xling.signatures import signature

REQUIREMENT = "mteb>=2.26"

Vectors = npt.NDArray[np.float32] | Tensor
# A language with its script, as FLORES and mteb write it: eng_Latn, eng-Latn.
_SCRIPT = re.compile(r"(?<=[a-z])[-_][A-Z][a-z]{3}(?![A-Za-z])")


def subset_language(subset: str, listed: Sequence[str], known: Sequence[str]) -> str | None:
    """Which of the `known` codes the lines of a subset are in; None where that is not one of them, or not told.

    `listed` are the languages that the task lists for the subset. mteb calls a bitext task's subset `fra-eng` for both
    sides and does not say which of them it hands over, so that two languages are as good as none; where each side is
    a column for many pairs (FLORES), it gives the side's own name.
    """
    named = set(_SCRIPT.sub("", code) for code in listed or (subset,))
    if len(named) != 1:
        return None
    (wanted,) = named
    return next((code for code in known if to_mbart(code) == to_mbart(wanted)), None)


class MtebEncoder:
    """What `mteb.evaluate` takes for a model: mteb's EncoderProtocol around a SentenceEncoder.

    `languages` are the codes that `encoder` is told, where the task says which one it is; without, it is told none.
    """

    def __init__(self, encoder: SentenceEncoder, name: str, languages: Sequence[str] = ()) -> None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
            raise ConfigError(f"`name` must be OWNER/MODEL, as mteb files its results, but is {name!r}")
        self.encoder = encoder
        self.name = name
        self.languages = tuple(languages)

    @property
    def signature(self) -> str:
        """How the vectors are made and which languages the encoder was told; its hash is mteb's revision."""
        return f"{self.encoder.signature}|" + signature(told=",".join(self.languages) or "none", xling=__version__)

    @cached_property
    def mteb_model_meta(self) -> Any:
        """mteb's description of the model, which finds earlier results again by name and revision."""
        try:
            from mteb.models.model_meta import ModelMeta
        except ImportError as fault:
            raise MissingDependencyError(
                f"evaluating with mteb needs the package mteb. Install it: pip install '{REQUIREMENT}'"
            ) from fault
        described = {
            "name": self.name,
            "revision": hashlib.sha256(self.signature.encode()).hexdigest()[:16],
            "embed_dim": self.encoder.dim,
            "similarity_fn_name": "cosine",
            "use_instructions": False,
        }
        return ModelMeta.create_empty(overwrites=described)

    def encode(
        self,
        inputs: Iterable[Mapping[str, Sequence[str]]],
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        prompt_type: Any = None,
        **kwargs: Any,
    ) -> npt.NDArray[np.float32]:
        """Batches with their lines under `text` to [n, dim] float32; prompts and mteb's batch size change nothing."""
        lines = list[str]()
        for batch in inputs:
            if "text" not in batch:
                raise ConfigError(
                    f"task {task_metadata.name} gives {', '.join(batch) or 'nothing'}, but this model reads text only. "
                    "Choose tasks of texts"
                )
            lines += batch["text"]
        listed = task_metadata.hf_subsets_to_langscripts.get(hf_subset, ())
        return self.encoder.encode(lines, subset_language(hf_subset, listed, self.languages))

    def similarity(self, embeddings1: Vectors, embeddings2: Vectors) -> Tensor:
        """[n, dim] and [m, dim] to their cosines [n, m]; a zero vector is unlike all."""
        return _unit(embeddings1) @ _unit(embeddings2).T

    def similarity_pairwise(self, embeddings1: Vectors, embeddings2: Vectors) -> Tensor:
        """[n, dim] twice to the cosines of equal rows [n]."""
        return (_unit(embeddings1) * _unit(embeddings2)).sum(dim=-1)


def _unit(vectors: Vectors) -> Tensor:
    """A single vector is a matrix of one row."""
    return normalize(torch.atleast_2d(torch.as_tensor(vectors)), dim=-1)
