"""The task `criss`: multilingual translation between any of a model's languages (arXiv 2006.09526)."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

import torch
from fairseq import utils
from fairseq.data import Dictionary, FairseqDataset, LanguagePairDataset, ListDataset
from fairseq.models import BaseFairseqModel
from fairseq.tasks import FairseqTask, register_task
from torch import Tensor, nn

from fairseq_xling.criterions.token_loss import of_tokens
from fairseq_xling.data.language_tokens import LanguageTokens, complete_dictionary
from fairseq_xling.data.pairs import Shard, load_dictionary
from fairseq_xling.data.sampling import SampledDirections, SeparateDirections
from fairseq_xling.data.sentences import Pieces, load_pieces
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.languages import Pair, parse_languages
from fairseq_xling.models._checkpoints import weights_hash
from fairseq_xling.models._errors import pass_on_exit_code, user_errors
from fairseq_xling.models._loading import Training, as_criss, training_of
from fairseq_xling.models.criss import shared_beams
from fairseq_xling.tasks._agreement import agree, agree_with_start
from fairseq_xling.tasks._criss_options import CrissTaskConfig
from fairseq_xling.tasks._directions import chosen_directions
from fairseq_xling.tasks._validation import Validation

logger = logging.getLogger(__name__)
pass_on_exit_code()


@register_task("criss", dataclass=CrissTaskConfig)
class CrissTask(FairseqTask):
    """One model, one dictionary, any direction; supervised finetuning is the same task on other data."""

    cfg: CrissTaskConfig

    def __init__(
        self,
        cfg: CrissTaskConfig,
        tokens: LanguageTokens,
        trained: Sequence[Pair] = (),
        validated: Sequence[Pair] = (),
    ) -> None:
        super().__init__(cfg)
        self.tokens = tokens
        self.trained = tuple(trained)
        self.validation = Validation(tokens, tuple(validated), cfg)
        self.state.merge_state_dict(
            {"criss": {"languages": list(tokens.languages), "source_token": tokens.source_style}}
        )
        self._pieces: Pieces | None = None
        self._hashed = False
        self._started = False

    @classmethod
    def setup_task(cls, cfg: CrissTaskConfig, **kwargs: Any) -> CrissTask:
        with user_errors():
            if not cfg.data:
                raise ConfigError("the folder with the data must be named: fairseq-train DATA --task criss …")
            if cfg.criss_temperature <= 0:
                raise ConfigError(f"--criss-temperature must be above 0, but is {cfg.criss_temperature}. 1 is plain.")
            named = parse_languages(cfg.criss_langs) if cfg.criss_langs else None
            folders = utils.split_paths(cfg.data)
            missing = [folder for folder in folders if not os.path.isdir(folder)]
            if missing:
                raise CorpusError(f"DATA folder {', '.join(missing)} does not exist. Check the path.")
            dictionary, where = load_dictionary(folders[0], named)
            languages = complete_dictionary(dictionary, named, where)
            tokens = LanguageTokens(dictionary, languages, cfg.criss_source_token)
            logger.info("criss | %d symbols, languages %s", len(dictionary), ",".join(languages))
            shard = Shard(folders[0], tokens, cfg.dataset_impl)
            trained, validated = chosen_directions(cfg, named or languages, shard.has)
            return cls(cfg, tokens, trained, validated)

    @property
    def source_dictionary(self) -> Dictionary:
        return self.tokens.dictionary

    @property
    def target_dictionary(self) -> Dictionary:
        return self.tokens.dictionary

    def max_positions(self) -> tuple[int, int]:
        return self.cfg.max_source_positions, self.cfg.max_target_positions

    def build_criterion(self, cfg: Any) -> Any:
        return of_tokens(super().build_criterion(cfg))

    # ---- data

    def has_sharded_data(self, split: str) -> bool:
        return len(utils.split_paths(self.cfg.data)) > 1

    def load_dataset(self, split: str, epoch: int = 1, combine: bool = False, **kwargs: Any) -> None:
        """All directions of a split; training data from the epoch's shard, everything else from the first one."""
        training = split == self.cfg.train_subset
        folders = utils.split_paths(self.cfg.data)
        with user_errors():
            shard = Shard(
                folders[(epoch - 1) % len(folders)] if training else folders[0],
                self.tokens,
                self.cfg.dataset_impl,
                self.pieces(),
                self.cfg.required_seq_len_multiple,
            )
            if training and not self._started:
                agree_with_start(self.cfg, self.tokens)
                self._started = True
            found = shard.directions(split, self.trained if training else self.validation.directions, combine)
        if training:
            self.datasets[split] = SampledDirections(found, self.cfg.criss_temperature, self.cfg.seed, epoch, split)
        elif len(found) == 1:
            # The data set that fairseq-generate expects: --replace-unk asks it for the original text.
            self.datasets[split] = next(iter(found.values()))
        else:
            self.datasets[split] = SeparateDirections(found)
        if not training and not self.validation.datasets:
            self.validation.datasets = found  # of the first validation set, which chooses the best checkpoint

    def pieces(self) -> Pieces | None:
        """The SentencePiece model of --criss-sentencepiece, loaded once."""
        if self._pieces is None and self.cfg.criss_sentencepiece:
            self._pieces = load_pieces(self.cfg.criss_sentencepiece)
        return self._pieces

    def filter_indices_by_size(
        self,
        indices: Any,
        dataset: FairseqDataset,
        max_positions: Any = None,
        ignore_invalid_inputs: bool = False,
    ) -> Any:
        """Training skips sentences that are too long and says how many; elsewhere they are an error."""
        kept, ignored = dataset.filter_indices_by_size(indices, max_positions)
        with user_errors():
            if ignored and not ignore_invalid_inputs:
                raise CorpusError(
                    f"{len(ignored)} sentences are too long: the first is number {ignored[0]} with "
                    f"{dataset.size(ignored[0])} tokens, where at most {max_positions} fit. Shorten them, or leave "
                    "them out with --skip-invalid-size-inputs-valid-test."
                )
            if len(indices) and not len(kept):
                raise CorpusError(
                    f"all {len(indices)} sentences are longer than the {max_positions} tokens that fit. Raise "
                    "--max-tokens or --max-source-positions and --max-target-positions, or split the sentences."
                )
        if ignored:
            logger.warning("criss | %d of %d sentences are too long and skipped", len(ignored), len(indices))
        return kept

    def build_dataset_for_inference(
        self, src_tokens: Sequence[Tensor], src_lengths: Sequence[int], constraints: Any = None, **kwargs: Any
    ) -> LanguagePairDataset:
        """`x </s>` of fairseq-interactive or a notebook to a data set with the source style's tokens on it."""
        with user_errors():
            source, _ = self._direction()
            styled = [self.tokens.source(sentence, source) for sentence in src_tokens]
        lengths = [len(sentence) for sentence in styled]
        return LanguagePairDataset(
            ListDataset(styled, lengths),
            lengths,
            self.source_dictionary,
            tgt_dict=self.target_dictionary,
            constraints=constraints,
        )

    def _direction(self) -> Pair:
        if not self.cfg.source_lang or not self.cfg.target_lang:
            raise ConfigError("both languages must be named to translate: -s ro_RO -t en_XX")
        return Pair(self.cfg.source_lang, self.cfg.target_lang)

    # ---- model

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> BaseFairseqModel:
        with user_errors():
            model = super().build_model(as_criss(cfg), from_checkpoint)
            if self.cfg.criss_eval_bleu and not from_checkpoint:
                self.validation.generator = self.build_generator([model], self.validation.generation_options())
        return model

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Called where a checkpoint is loaded to be used: its languages and its source style must be this task's."""
        with user_errors():
            self.agree(training_of({"task_state": state_dict}))

    def agree(self, training: Training) -> None:
        """Raise CheckpointError unless a checkpoint's language tokens and source style, where it tells, are ours."""
        agree(training, self.tokens)

    def set_direction(self, source: str | None, target: str | None) -> None:
        """Translate from and into these languages from now on; None leaves one as it is."""
        for language in filter(None, (source, target)):
            self.tokens.index(language)
        self.cfg.source_lang = source or self.cfg.source_lang
        self.cfg.target_lang = target or self.cfg.target_lang

    # ---- training and validation

    def train_step(
        self, sample: Any, model: Any, criterion: Any, optimizer: Any, update_num: int, ignore_grad: bool = False
    ) -> tuple[Tensor, int, dict[str, Any]]:
        if update_num == 0 and not self._hashed:
            # Every round must start from the original checkpoint (CRISS, algorithm 2); this line shows from which.
            logger.info("criss | weights before update 1: %s", weights_hash(unwrapped(model)))
            self._hashed = True
        return super().train_step(sample, model, criterion, optimizer, update_num, ignore_grad)

    def begin_valid_epoch(self, epoch: int, model: Any) -> None:
        self.validation.begin()

    def valid_step(self, sample: Any, model: Any, criterion: Any) -> tuple[Tensor, int, dict[str, Any]]:
        loss, sample_size, logged = super().valid_step(sample, model, criterion)
        logged.update(self.validation.statistics(self, sample, unwrapped(model), logged))
        return loss, sample_size, logged

    def reduce_metrics(self, logging_outputs: list[dict[str, Any]], criterion: Any) -> None:
        super().reduce_metrics(logging_outputs, criterion)
        self.validation.log(logging_outputs)

    # ---- generation

    def build_generator(
        self,
        models: Sequence[Any],
        args: Any,
        seq_gen_cls: Any = None,
        extra_gen_cls_kwargs: dict[str, Any] | None = None,
        prefix_allowed_tokens_fn: Any = None,
    ) -> Any:
        """fairseq's generators, which leave the language tokens out of what they print and score."""
        if getattr(args, "score_reference", False):
            from fairseq.sequence_scorer import SequenceScorer

            return SequenceScorer(
                self.target_dictionary,
                compute_alignment=getattr(args, "print_alignment", None) is not None,
                symbols_to_strip_from_output=self.tokens.indices,
            )
        aligned = bool(getattr(args, "print_alignment", None)) or getattr(args, "replace_unk", None) is not None
        for model in models:
            if hasattr(model.decoder, "keep_alignment"):
                model.decoder.keep_alignment = aligned
        return super().build_generator(
            models,
            args,
            seq_gen_cls,
            {**(extra_gen_cls_kwargs or {}), "symbols_to_strip_from_output": self.tokens.indices},
            prefix_allowed_tokens_fn,
        )

    def inference_step(
        self,
        generator: Any,
        models: Sequence[Any],
        sample: dict[str, Any],
        prefix_tokens: Tensor | None = None,
        constraints: Tensor | None = None,
    ) -> Any:
        """Translations that begin with the target's language token: each sample's own, or else that of -t."""
        if prefix_tokens is None:
            source = sample["net_input"]["src_tokens"]
            if sample.get("target") is not None:
                prefix_tokens = self.tokens.prefix_of(sample["target"])
            else:
                with user_errors():
                    prefix_tokens = self.tokens.prefix(len(source), self._direction().target)
            prefix_tokens = prefix_tokens.to(source.device)
        with torch.no_grad(), shared_beams(models, getattr(generator, "beam_size", 1)):
            return generator.generate(models, sample, prefix_tokens=prefix_tokens, constraints=constraints)


def unwrapped(model: nn.Module) -> nn.Module:
    """The model inside what fairseq and torch wrap around it to train it in several processes."""
    while isinstance(inner := getattr(model, "module", None), nn.Module):
        model = inner
    return model
