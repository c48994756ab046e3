"""Whether a checkpoint and a task mean the same by their tokens: equal numbers of rows do not say so."""

from __future__ import annotations

import logging
import os

from fairseq_xling.data.language_tokens import LanguageTokens
from fairseq_xling.errors import CheckpointError
from fairseq_xling.models._loading import Training, training_at
from fairseq_xling.tasks._criss_options import CrissTaskConfig

logger = logging.getLogger(__name__)


def agree(training: Training, tokens: LanguageTokens) -> None:
    """Raise CheckpointError where the checkpoint's language tokens or its source style, if it tells, are others."""
    style, languages = training.source_token, training.languages
    if style is not None and style != tokens.source_style:
        raise CheckpointError(
            f"the checkpoint was trained with --criss-source-token {style}, but {tokens.source_style} is asked for. "
            f"Give --criss-source-token {style}."
        )
    if languages is not None and languages != tokens.languages:
        raise CheckpointError(
            f"the checkpoint's language tokens are {','.join(languages)}, but the dictionary's are "
            f"{','.join(tokens.languages)}. Give --criss-langs {','.join(languages)}."
        )


def agree_with_start(cfg: CrissTaskConfig, tokens: LanguageTokens) -> None:
    """Compare the languages of the checkpoint that training starts from, which the trainer does not show the task.

    Another source style is allowed in training: whether it helps is for an experiment to say.
    """
    last = os.path.join(cfg.save_dir or "", cfg.restore_file or "")
    start = last if os.path.isfile(last) else cfg.finetune_from_model
    if not start:
        return
    if start == last and cfg.finetune_from_model:
        logger.info("criss | continuing from %s; --finetune-from-model is not read", last)
    training = training_at(start)
    agree(Training(training.languages), tokens)
    if training.source_token not in (None, tokens.source_style):
        logger.warning("criss | %s was trained with --criss-source-token %s", start, training.source_token)
