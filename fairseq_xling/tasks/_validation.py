"""Validation of every direction by itself: loss, BLEU and retrieval accuracy, summed over batches and processes."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from fairseq import metrics, utils
from fairseq.data import LanguagePairDataset, data_utils
from torch import Tensor, nn

from fairseq_xling.data.language_tokens import LanguageTokens
from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import Pair
from fairseq_xling.nn.accuracy import nearest_accuracy
from fairseq_xling.tasks._criss_options import CrissTaskConfig

if TYPE_CHECKING:
    from fairseq_xling.tasks.criss import CrissTask

ORDER = 4
_NLL, _TOKENS, _BLEU, _RETRIEVAL = "_criss_nll", "_criss_tokens", "_criss_bleu", "_criss_retrieval"
_BATCH = 64


class Validation:
    """What the task adds to a validation step; every statistic is one tensor with a row a direction.

    Tensors, because fairseq sums the logged values of all processes and asks them all for the same keys.
    """

    def __init__(self, tokens: LanguageTokens, directions: tuple[Pair, ...], cfg: CrissTaskConfig) -> None:
        self.tokens = tokens
        self.directions = directions
        self.cfg = cfg
        self.datasets: Mapping[Pair, LanguagePairDataset] = {}
        self.generator: Any = None
        self._accuracy: Tensor | None = None

    def begin(self) -> None:
        """A new validation: what was measured with earlier weights is forgotten."""
        self._accuracy = None

    def generation_options(self) -> Namespace:
        """--criss-eval-bleu-args as build_generator takes them."""
        try:
            options = json.loads(self.cfg.criss_eval_bleu_args)
        except json.JSONDecodeError as error:
            raise ConfigError(
                f"--criss-eval-bleu-args must be JSON like '{{\"beam\": 4}}', but is "
                f"{self.cfg.criss_eval_bleu_args!r} ({error})"
            ) from error
        if not isinstance(options, dict):
            raise ConfigError(f"--criss-eval-bleu-args must be a JSON object, but is {self.cfg.criss_eval_bleu_args!r}")
        return Namespace(**options)

    # ---- one batch

    def statistics(self, task: CrissTask, sample: Any, model: nn.Module, logged: dict[str, Any]) -> dict[str, Tensor]:
        """What one batch of one direction adds to the sums."""
        rows = len(self.directions)
        direction = int(sample.get("direction", 0))
        found = {_NLL: torch.zeros(rows, dtype=torch.double), _TOKENS: torch.zeros(rows, dtype=torch.double)}
        found[_NLL][direction] = float(logged.get("nll_loss", logged["loss"]))
        found[_TOKENS][direction] = float(logged["ntokens"])
        if self.cfg.criss_eval_bleu:
            found[_BLEU] = torch.zeros(rows, 2 * ORDER + 2, dtype=torch.double)
            found[_BLEU][direction] = torch.tensor(self._bleu(task, sample, model), dtype=torch.double)
        if self.cfg.criss_eval_retrieval:
            if self._accuracy is None:
                self._accuracy = self._retrieval(model)
            # The sum over processes and batches, divided by the number of them, is the value again.
            found[_RETRIEVAL] = torch.stack([self._accuracy, torch.ones(rows, dtype=torch.double)])
        return found

    def _bleu(self, task: CrissTask, sample: Any, model: nn.Module) -> list[float]:
        """Matching and counted n-grams, lengths of hypotheses and references."""
        import sacrebleu

        found = task.inference_step(self.generator, [model], sample)
        pad = self.tokens.dictionary.pad()
        hypotheses = [self._text(candidates[0]["tokens"], "UNKNOWNTOKENINHYP") for candidates in found]
        # Unequal on both sides, so that two unknown words do not match.
        references = [self._text(utils.strip_pad(row, pad), "UNKNOWNTOKENINREF") for row in sample["target"]]
        score = sacrebleu.corpus_bleu(hypotheses, [references], tokenize=self.cfg.criss_eval_bleu_tokenize)
        return [*score.counts, *score.totals, score.sys_len, score.ref_len]

    def _text(self, tokens: Tensor, unknown: str) -> str:
        return self.tokens.dictionary.string(
            tokens.int().cpu(),
            self.cfg.criss_eval_bleu_remove_bpe,
            extra_symbols_to_ignore=self.tokens.indices,
            unk_string=unknown,
        )

    # ---- retrieval: the whole validation set at once

    def _retrieval(self, model: nn.Module) -> Tensor:
        """Accuracy of each direction [directions]; the processes share the pairs among them."""
        model.eval()
        rank, world = _rank_and_world()
        accuracy = torch.zeros(len(self.directions), dtype=torch.double)
        pairs = sorted({min(direction, direction.reversed) for direction in self.directions})
        for pair in pairs[rank::world]:
            present = pair if pair in self.datasets else pair.reversed
            source = self._vectors(model, present)
            target = self._vectors(model, present, target=True)
            sides = {present: (source, target), present.reversed: (target, source)}
            for number, direction in enumerate(self.directions):
                if direction in sides:
                    accuracy[number] = nearest_accuracy(*sides[direction])
        if world > 1:
            device = next(model.parameters()).device
            shared = accuracy.to(device)
            torch.distributed.all_reduce(shared)
            accuracy = shared.cpu()
        return accuracy

    def _vectors(self, model: nn.Module, direction: Pair, target: bool = False) -> Tensor:
        """Sentence vectors [n, dim] of a side of a validation set, both sides read as sources."""
        dataset, device = self.datasets[direction], next(model.parameters()).device
        language = direction.target if target else direction.source

        def sentence(index: int) -> Tensor:
            if not target:
                return dataset.src[index].long()
            return self.tokens.source(dataset.tgt[index].long()[1:], language)  # without the language token

        with torch.no_grad():
            return torch.cat(
                [
                    model.sentence_vectors(_padded([sentence(i) for i in batch], self.tokens).to(device))
                    for batch in _batches(len(dataset))
                ]
            )

    # ---- sums to metrics

    def log(self, outputs: list[dict[str, Any]]) -> None:
        """Log sums and what follows from them; in training there is nothing to log."""
        if not any(_NLL in output for output in outputs):
            return
        sums = {key: _sum(outputs, key) for key in (_NLL, _TOKENS, _BLEU, _RETRIEVAL) if any(key in o for o in outputs)}
        for number, direction in enumerate(self.directions):
            tokens = float(sums[_TOKENS][number])
            if tokens:
                loss = float(sums[_NLL][number]) / tokens / math.log(2)
                metrics.log_scalar(f"nll_loss_{direction}", loss, tokens, round=3)
            if _RETRIEVAL in sums:
                value = float(sums[_RETRIEVAL][0, number] / sums[_RETRIEVAL][1, number].clamp(min=1))
                metrics.log_scalar(f"retrieval_{direction}", value, round=4)
        if _RETRIEVAL in sums:
            value = float((sums[_RETRIEVAL][0] / sums[_RETRIEVAL][1].clamp(min=1)).mean())
            metrics.log_scalar("retrieval", value, round=4)
        if _BLEU in sums:
            # A NumPy array, which fairseq's meters sum as a whole.
            metrics.log_scalar(_BLEU, sums[_BLEU].cpu().numpy(), round=None)
            for number, direction in enumerate(self.directions):
                metrics.log_derived(f"bleu_{direction}", lambda meters, row=number: bleu(meters[_BLEU].sum[row]))
            metrics.log_derived("bleu", lambda meters: mean_bleu(meters[_BLEU].sum))


def bleu(row: Any) -> float:
    """sacreBLEU's score from summed counts, totals and lengths [10]."""
    from sacrebleu.metrics import BLEU

    counts, totals = [int(x) for x in row[:ORDER]], [int(x) for x in row[ORDER : 2 * ORDER]]
    score = BLEU.compute_bleu(counts, totals, int(row[-2]), int(row[-1]), smooth_method="exp")
    return round(score.score, 2)


def mean_bleu(rows: Any) -> float:
    """Mean over the directions of [directions, 10] that have a reference."""
    scores = [bleu(row) for row in rows if row[-1] > 0]
    return round(sum(scores) / max(len(scores), 1), 2)


def _sum(outputs: list[dict[str, Any]], key: str) -> Tensor:
    return torch.stack([output[key].cpu().double() for output in outputs if key in output]).sum(dim=0)


def _rank_and_world() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def _batches(sentences: int) -> Iterator[range]:
    for start in range(0, sentences, _BATCH):
        yield range(start, min(start + _BATCH, sentences))


def _padded(sentences: list[Tensor], tokens: LanguageTokens) -> Tensor:
    return data_utils.collate_tokens(sentences, tokens.dictionary.pad(), left_pad=True)
