"""The task `margin_mining`: fairseq-generate prints each source's best target by margin instead of a translation.

Both sides of `DATA/SPLIT.xx-yy.{xx,yy}`, which need not be in step, or else `DATA/xx/SPLIT` and `DATA/yy/SPLIT`, are
encoded as a whole before the first batch; S- lines are the sources, H- lines the targets with their margins.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from fairseq import utils
from fairseq.data import FairseqDataset, LanguagePairDataset
from fairseq.tasks import register_task
from torch import Tensor

from fairseq_xling.data.bucketing import shortened, vectors_in_batches
from fairseq_xling.data.pairs import Shard
from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import Pair
from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.mining.mine import mine_pairs
from fairseq_xling.models._errors import user_errors
from fairseq_xling.neighbours.margin import MARGINS
from fairseq_xling.tasks._mining_options import MarginMiningConfig
from fairseq_xling.tasks.criss import CrissTask

logger = logging.getLogger(__name__)
Candidate = tuple[int, float]


@register_task("margin_mining", dataclass=MarginMiningConfig)
class MarginMiningTask(CrissTask):
    """Retrieval under fairseq-generate; the arithmetic is that of `fairseq-xling mine`."""

    cfg: MarginMiningConfig

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._targets: FairseqDataset | None = None
        self._sources: FairseqDataset | None = None

    def load_dataset(self, split: str, epoch: int = 1, combine: bool = False, **kwargs: Any) -> None:
        """The sources as what is generated from; the targets are kept to be retrieved."""
        with user_errors():
            direction = self._direction()
            folder = utils.split_paths(self.cfg.data)[0]
            shard = Shard(folder, self.tokens, self.cfg.dataset_impl, self.pieces())
            self._sources, self._targets = _sides(shard, split, direction)
        styled = self.tokens.source_dataset(self._sources, direction.source)
        self.datasets[split] = LanguagePairDataset(styled, styled.sizes, self.source_dictionary)

    def build_generator(self, models: Any, args: Any, *rest: Any, **kwargs: Any) -> Retrieval:
        """Encodes both sides with the model and mines them."""
        with user_errors():
            if len(models) != 1:
                raise ConfigError(
                    f"margin_mining takes one checkpoint, but {len(models)} are given. Name one in --path"
                )
            if self._sources is None or self._targets is None:
                raise ConfigError("margin_mining retrieves from data: use it with fairseq-generate")
            config = _mining_config(self.cfg)
            direction = self._direction()
            vectors = [
                self._vectors(models[0], dataset, language)
                for dataset, language in zip((self._sources, self._targets), direction, strict=True)
            ]
            found = mine_pairs(vectors[0], vectors[1], config)
        logger.info("margin_mining | %d sources, %d targets | %s", len(vectors[0]), len(vectors[1]), config.signature)
        return Retrieval(self.tokens.indices, _best_first(found, len(vectors[0])), self._targets)

    def _vectors(self, model: Any, dataset: FairseqDataset, language: str) -> npt.NDArray[np.float32]:
        """[n, dim] float32; a sentence that is too long is cut, as `encode` cuts it."""
        longest = min(int(model.encoder.max_positions()), self.cfg.max_source_positions)
        room = longest - (self.tokens.source_style != "none")
        plain = [dataset[i].long() for i in range(len(dataset))]
        cut = sum(len(sentence) > room for sentence in plain)
        if cut:
            logger.warning("margin_mining | %d %s sentences are longer than %d tokens and cut", cut, language, room)
        return vectors_in_batches(
            model.joined_vectors,
            [self.tokens.source(shortened(sentence, room), language) for sentence in plain],
            self.source_dictionary.pad(),
            self.cfg.max_tokens,
            next(model.parameters()).device,
        )

    def inference_step(
        self,
        generator: Retrieval,
        models: Any,
        sample: Any,
        prefix_tokens: Tensor | None = None,
        constraints: Tensor | None = None,
    ) -> Any:
        """What generators return: for each source its targets, best first."""
        return [generator.hypotheses(number) for number in sample["id"].tolist()]


class Retrieval:
    """What mining found, in the shape of a generator's output."""

    def __init__(self, ignored: set[int], found: list[list[Candidate]], targets: FairseqDataset) -> None:
        self.symbols_to_strip_from_output = ignored
        self._found = found
        self._targets = targets

    def hypotheses(self, source: int) -> list[dict[str, Any]]:
        """One for each neighbour; --nbest says how many are printed."""
        return [_hypothesis(self._targets[target].long(), margin) for target, margin in self._found[source]]


def _hypothesis(tokens: Tensor, margin: float) -> dict[str, Any]:
    # fairseq prints natural logarithms in base 2: it divides by ln 2, and what it prints is to be the margin.
    score = margin * math.log(2)
    return {"tokens": tokens, "score": score, "attention": None, "alignment": None,
            "positional_scores": torch.tensor([score])}  # fmt: skip


def _best_first(found: Any, sources: int) -> list[list[Candidate]]:
    """[(target, margin), …] for each source, best first, from what retrieval `all` found."""
    forward = found.take(found.directions == 0)
    order = np.lexsort((forward.ranks, forward.source_ids))
    grouped: list[list[Candidate]] = [[] for _ in range(sources)]
    for place in order.tolist():
        grouped[forward.source_ids[place]].append((int(forward.target_ids[place]), float(forward.scores[place])))
    return grouped


def _mining_config(cfg: MarginMiningConfig) -> MiningConfig:
    if cfg.mining_margin not in MARGINS:
        raise ConfigError(f"--mining-margin must be one of {', '.join(MARGINS)}, but is {cfg.mining_margin!r}")
    return MiningConfig(
        margin=cfg.mining_margin, retrieval="all", mining_k=cfg.mining_k, threshold=-math.inf, skip_quality=True
    )


def _sides(shard: Shard, split: str, direction: Pair) -> tuple[FairseqDataset, FairseqDataset]:
    """Both languages' sentences: those of the pair where there is one, else the monolingual ones."""
    source, target = (shard.monolingual(split, language) for language in direction)
    if source is None or target is None or shard.has(split, direction):
        return shard.sides(split, direction)
    return source, target
