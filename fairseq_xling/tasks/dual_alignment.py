"""The task `dual_alignment`: sentence vectors from sentence pairs (DAP, arXiv 2305.09148; LaBSE, arXiv 2007.01852)."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

import torch
from fairseq import metrics
from fairseq.tasks import register_task
from torch import Tensor

from fairseq_xling.data.aligned import AlignedPairs
from fairseq_xling.data.bucketing import vectors_in_batches
from fairseq_xling.data.hard_negatives import hard_negatives
from fairseq_xling.data.language_tokens import DualTokens
from fairseq_xling.data.pairs import Shard
from fairseq_xling.data.sampling import SampledDirections, SeparateDirections
from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import Pair
from fairseq_xling.models._errors import user_errors
from fairseq_xling.nn.accuracy import nearest_accuracy
from fairseq_xling.tasks._dual_options import DualAlignmentConfig
from fairseq_xling.tasks._dual_task import DualTask
from fairseq_xling.tasks.criss import unwrapped

logger = logging.getLogger(__name__)
_RETRIEVAL = "_dual_retrieval"


@register_task("dual_alignment", dataclass=DualAlignmentConfig)
class DualAlignmentTask(DualTask):
    """Pairs in the direction in which they are written: what is ranked and rebuilt depends on it."""

    cfg: DualAlignmentConfig

    def __init__(self, cfg: DualAlignmentConfig, tokens: DualTokens, languages: Sequence[str]) -> None:
        super().__init__(cfg, tokens, languages)
        if not self.trained and not self.validated:
            raise ConfigError("the pairs of languages must be named: --dual-pairs ro_RO-en_XX,…")
        if cfg.dual_hard_negatives < 0:
            raise ConfigError(f"--dual-hard-negatives must be at least 0, but is {cfg.dual_hard_negatives}")
        self._validation: dict[Pair, AlignedPairs] = {}
        self._accuracy: Tensor | None = None

    # ---- data

    def load_dataset(self, split: str, epoch: int = 1, combine: bool = False, **kwargs: Any) -> None:
        """All pairs of a split: mixed by temperature to train on, one after the other elsewhere."""
        training = split == self.cfg.train_subset
        with user_errors():
            shard = self.shard(split, epoch)
            found = {
                pair: self._pairs(shard, split, pair, training)
                for pair in (self.trained if training else self.validated)
            }
        if training:
            self.datasets[split] = SampledDirections(found, self.cfg.dual_temperature, self.cfg.seed, epoch, split)
            return
        self.datasets[split] = SeparateDirections(found)
        self._validation = self._validation or found  # the first validation set chooses the best checkpoint

    def _pairs(self, shard: Shard, split: str, pair: Pair, training: bool) -> AlignedPairs:
        source, target = self.sides(shard, split, pair)
        hard = None
        if training and self.cfg.dual_hard_negatives:
            path = os.path.join(shard.folder, f"{split}.{pair}.neighbours.tsv")
            hard = hard_negatives(path, target, self.cfg.dual_hard_negatives, self.cfg.seed)
        numbers = (self.languages.index(pair.source), self.languages.index(pair.target))
        return AlignedPairs(source, target, numbers, self.source_dictionary.pad(), hard)

    # ---- training and validation

    def train_step(
        self, sample: Any, model: Any, criterion: Any, optimizer: Any, update_num: int, ignore_grad: bool = False
    ) -> tuple[Tensor, int, dict[str, Any]]:
        # A rank that has run out of batches repeats one, which is to be nobody's negatives.
        sample = {**sample, "ignored": True} if ignore_grad else sample
        return super().train_step(sample, model, criterion, optimizer, update_num, ignore_grad)

    def begin_valid_epoch(self, epoch: int, model: Any) -> None:
        self._accuracy = None

    def valid_step(self, sample: Any, model: Any, criterion: Any) -> tuple[Tensor, int, dict[str, Any]]:
        loss, sample_size, logged = super().valid_step(sample, model, criterion)
        if self.cfg.dual_eval_retrieval:
            if self._accuracy is None:
                self._accuracy = self._retrieval(model)
            # The sum over processes and batches, divided by the number of them, is the value again.
            logged[_RETRIEVAL] = torch.cat([self._accuracy, torch.ones(1, dtype=torch.double)])
        return loss, sample_size, logged

    def _retrieval(self, model: Any) -> Tensor:
        """Accuracy of each pair [pairs], the mean of both directions: nearest by cosine in the whole set."""
        model = unwrapped(model).eval()
        device = next(model.parameters()).device

        def vectors(side: Any) -> Tensor:
            sentences = [side[i].long() for i in range(len(side))]
            pad = self.source_dictionary.pad()
            return torch.from_numpy(vectors_in_batches(model.joined_vectors, sentences, pad, device=device))

        found = []
        for pair in self.validated:
            source, target = (vectors(side) for side in (self._validation[pair].source, self._validation[pair].target))
            found.append((nearest_accuracy(source, target) + nearest_accuracy(target, source)) / 2)
        return torch.tensor(found, dtype=torch.double)

    def reduce_metrics(self, logging_outputs: list[dict[str, Any]], criterion: Any) -> None:
        super().reduce_metrics(logging_outputs, criterion)
        rows = [output[_RETRIEVAL].cpu().double() for output in logging_outputs if _RETRIEVAL in output]
        if rows:
            *sums, times = torch.stack(rows).sum(dim=0).tolist()
            for pair, value in zip(self.validated, sums, strict=True):
                metrics.log_scalar(f"retrieval_{pair}", value / times, round=4)
            metrics.log_scalar("retrieval", sum(sums) / times / len(sums), round=4)
