"""What the tasks for dual encoders have in common: dictionary, languages, shards, sentences that are too long."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

from fairseq import utils
from fairseq.data import Dictionary, FairseqDataset
from fairseq.tasks import FairseqTask

from fairseq_xling.data.language_tokens import DualTokens, complete_with_mask
from fairseq_xling.data.pairs import Shard, load_dictionary
from fairseq_xling.data.sentences import Pieces, load_pieces
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.languages import Pair, parse_languages, parse_pair, parse_pairs
from fairseq_xling.models._checkpoints import weights_hash
from fairseq_xling.models._dual_checkpoints import HEADS
from fairseq_xling.models._errors import pass_on_exit_code, user_errors
from fairseq_xling.tasks._directions import FOUND
from fairseq_xling.tasks._dual_options import DualTaskConfig
from fairseq_xling.tasks.criss import unwrapped

logger = logging.getLogger(__name__)
pass_on_exit_code()


class DualTask(FairseqTask):
    """One dictionary for both sides; `languages` numbers them for the RTL head."""

    cfg: DualTaskConfig

    def __init__(self, cfg: DualTaskConfig, tokens: DualTokens, languages: Sequence[str]) -> None:
        super().__init__(cfg)
        self.tokens = tokens
        self.languages = tuple(languages)
        self.trained = tuple(self._pairs_of(cfg.dual_pairs, cfg.train_subset))
        validated = cfg.dual_eval_pairs or (FOUND if cfg.dual_pairs == FOUND else None)
        self.validated = tuple(self._pairs_of(validated, cfg.valid_subset)) or self.trained
        self.state.merge_state_dict({"dual": {"languages": list(languages), "style": tokens.source_style}})
        self._pieces: Pieces | None = None
        self._hashed = False

    def _pairs_of(self, text: str | None, splits: str) -> list[Pair]:
        """What an option names; `found` are the pairs with data of the (first) split in the first folder of DATA."""
        if text != FOUND:
            return dual_pairs(text, self.languages)
        shard = Shard(utils.split_paths(self.cfg.data)[0], self.tokens, self.cfg.dataset_impl, owner="dual")
        split = splits.split(",")[0]
        pairs = [pair for pair in parse_pairs("all", self.languages) if shard.has(split, pair)]
        if not pairs:
            raise ConfigError(f"{shard.folder} has no pair of languages with `{split}` data, but `{FOUND}` is asked")
        return pairs

    @classmethod
    def setup_task(cls, cfg: Any, **kwargs: Any) -> DualTask:
        with user_errors():
            if not cfg.data:
                raise ConfigError("the folder with the data must be named: fairseq-train DATA --task …")
            if cfg.dual_temperature <= 0:
                raise ConfigError(f"--dual-temperature must be above 0, but is {cfg.dual_temperature}. 1 is plain.")
            folders = utils.split_paths(cfg.data)
            missing = [folder for folder in folders if not os.path.isdir(folder)]
            if missing:
                raise CorpusError(f"DATA folder {', '.join(missing)} does not exist. Check the path.")
            dictionary, where = load_dictionary(folders[0], None)
            coded = complete_with_mask(dictionary, where)
            tokens = DualTokens(dictionary, coded, cfg.dual_style, getattr(cfg, "masked_language_codes", False))
            languages = dual_languages(cfg, coded)
            logger.info("%s | %d symbols, languages %s", cls.__name__, len(dictionary), ",".join(languages))
            return cls(cfg, tokens, languages)

    @property
    def source_dictionary(self) -> Dictionary:
        return self.tokens.dictionary

    @property
    def target_dictionary(self) -> Dictionary:
        return self.tokens.dictionary

    def max_positions(self) -> tuple[int, int]:
        return self.cfg.dual_longest, self.cfg.dual_longest

    def has_sharded_data(self, split: str) -> bool:
        return len(utils.split_paths(self.cfg.data)) > 1

    def shard(self, split: str, epoch: int) -> Shard:
        """The epoch's folder for training, the first one for everything else."""
        folders = utils.split_paths(self.cfg.data)
        folder = folders[(epoch - 1) % len(folders)] if split == self.cfg.train_subset else folders[0]
        if self._pieces is None and self.cfg.dual_sentencepiece:
            self._pieces = load_pieces(self.cfg.dual_sentencepiece)
        return Shard(folder, self.tokens, self.cfg.dataset_impl, self._pieces, owner="dual")

    def sides(self, shard: Shard, split: str, pair: Pair) -> list[FairseqDataset]:
        """Both sides as the tower reads them; raises CorpusError unless they are in step."""
        plain = shard.sides(split, pair)
        if len(plain[0]) != len(plain[1]):
            raise CorpusError(
                f"{shard.folder}: {split} of {pair} has {len(plain[0])} sentences of {pair.source} but {len(plain[1])} "
                f"of {pair.target}: line i must translate line i. Make the pair again."
            )
        return [self.tokens.source_dataset(*side) for side in zip(plain, pair, strict=True)]

    def build_criterion(self, cfg: Any) -> Any:
        with user_errors():
            return super().build_criterion(cfg)

    def train_step(
        self, sample: Any, model: Any, criterion: Any, optimizer: Any, update_num: int, ignore_grad: bool = False
    ) -> Any:
        if update_num == 0 and not self._hashed:
            # Every round must start from the original checkpoint (CRISS, algorithm 2); this line shows from which.
            logger.info("dual | weights before update 1: %s", weights_hash(unwrapped(model), HEADS))
            self._hashed = True
        with user_errors():
            return super().train_step(sample, model, criterion, optimizer, update_num, ignore_grad)

    def filter_indices_by_size(
        self, indices: Any, dataset: FairseqDataset, max_positions: Any = None, ignore_invalid_inputs: bool = False
    ) -> Any:
        """Sentences that are too long are skipped, in validation too, and counted."""
        kept, ignored = dataset.filter_indices_by_size(indices, max_positions)
        with user_errors():
            if len(indices) and not len(kept):
                raise CorpusError(
                    f"all {len(indices)} items are longer than the {self.max_positions()[0]} tokens that are let in. "
                    "Raise --dual-longest, or split the sentences."
                )
        if ignored:
            logger.warning("%d of %d items are too long and skipped", len(ignored), len(indices))
        return kept


def dual_languages(cfg: DualTaskConfig, coded: Sequence[str]) -> list[str]:
    """--dual-langs, or else the languages of --dual-pairs in their order, or else those with a token."""
    if cfg.dual_langs:
        return parse_languages(cfg.dual_langs)
    explicit = cfg.dual_pairs and cfg.dual_pairs not in ("all", FOUND) and not cfg.dual_pairs.startswith("pivots:")
    if not explicit:
        if not coded:
            raise ConfigError("the languages must be named: --dual-langs aa,bb,…")
        return list(coded)
    pairs = [part.strip() for part in cfg.dual_pairs.split(",")]
    if coded:
        return [code for code in coded if any(code in parse_pair(pair, coded) for pair in pairs)]
    unclear = [pair for pair in pairs if pair.count("-") != 1]
    if unclear:
        raise ConfigError(f"--dual-pairs {unclear[0]} is not source-target. Name the languages: --dual-langs aa,bb,…")
    return list(dict.fromkeys(code for pair in pairs for code in pair.split("-")))


def dual_pairs(text: str | None, languages: Sequence[str]) -> list[Pair]:
    """Pairs as written, source first; `pivots:` makes the pivot the target, as DAP's English is."""
    if not text:
        return []
    if text == "all":
        return parse_pairs(text, languages)
    if text.startswith("pivots:"):
        pivots = parse_languages(text.removeprefix("pivots:"))
        return [pair if pair.target in pivots else pair.reversed for pair in parse_pairs(text, languages)]
    pairs, faults = list[Pair](), list[str]()
    for part in text.split(","):
        try:
            pairs.append(parse_pair(part.strip(), languages))
        except ConfigError as error:
            faults += error.faults
    faults += [f"pair `{pair}` is given twice" for pair in sorted({p for p in pairs if pairs.count(p) > 1})]
    if faults:
        raise ConfigError(faults, "--dual-pairs")
    return pairs
