"""The task `masked_pairs`: masked-LM pretraining on sentences and on joined sentence pairs (XLM; LaBSE, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairseq.data import ConcatDataset
from fairseq.tasks import register_task

from fairseq_xling.data.language_tokens import DualTokens
from fairseq_xling.data.masked import MaskedText, mixed_shares
from fairseq_xling.data.sampling import SampledSets
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.languages import parse_languages
from fairseq_xling.models._errors import user_errors
from fairseq_xling.tasks._dual_options import MaskedPairsConfig
from fairseq_xling.tasks._dual_task import DualTask


@register_task("masked_pairs", dataclass=MaskedPairsConfig)
class MaskedPairsTask(DualTask):
    """MLM where --masked-mono names languages, TLM where --dual-pairs names pairs."""

    cfg: MaskedPairsConfig

    def __init__(self, cfg: MaskedPairsConfig, tokens: DualTokens, languages: Sequence[str]) -> None:
        super().__init__(cfg, tokens, languages)
        self.monolingual = parse_languages(cfg.masked_mono) if cfg.masked_mono else []
        faults = [f"--masked-mono {code} is not one of {', '.join(languages)}" for code in self.monolingual
                  if code not in languages]  # fmt: skip
        if not self.monolingual and not self.trained:
            faults.append("there is nothing to train on: give --masked-mono aa,bb,… or --dual-pairs aa-bb,…")
        if self.trained and tokens.source_style != "first":
            faults.append("joined pairs need --dual-style first: positions restart at `<s>`")
        if not 0 < cfg.masked_pair_share < 1:
            faults.append(f"--masked-pair-share must be between 0 and 1, but is {cfg.masked_pair_share}")
        if cfg.masked_language_codes:
            lacking = [code for code in languages if code not in tokens.languages]
            faults += [f"--masked-language-codes: the dictionary has no token [{code}]" for code in lacking]
        if faults:
            raise ConfigError(faults)

    def max_positions(self) -> tuple[int, int]:
        """A joined pair may have two sides of the longest kind."""
        return 2 * self.cfg.dual_longest, 2 * self.cfg.dual_longest

    def load_dataset(self, split: str, epoch: int = 1, combine: bool = False, **kwargs: Any) -> None:
        """Training draws by share and temperature; validation takes each item once."""
        pad = self.source_dictionary.pad()
        training = split == self.cfg.train_subset
        with user_errors():
            shard = self.shard(split, epoch)
            mono = dict[str, MaskedText]()
            for code in self.monolingual:
                text = shard.monolingual(split, code)
                if text is None:
                    raise CorpusError(
                        f"{shard.folder}/{code} has no {split} data. Make it (fairseq-xling prepare --mono), or leave "
                        f"{code} out of --masked-mono."
                    )
                mono[code] = MaskedText([self.tokens.source_dataset(text, code)], pad)
            chosen = self.trained if training else self.validated
            pairs = {str(pair): MaskedText(self.sides(shard, split, pair), pad) for pair in chosen}
        if not training:
            self.datasets[split] = _AsOne([*mono.values(), *pairs.values()])
            return
        sizes = [[len(text) for text in kind.values()] for kind in (mono, pairs)]
        shares = mixed_shares(*sizes, self.cfg.masked_pair_share, self.cfg.dual_temperature)
        self.datasets[split] = SampledSets({**mono, **pairs}, shares, self.cfg.seed, epoch, split)


class _AsOne(ConcatDataset):
    """Sets one after the other, whose sizes have two columns."""

    def filter_indices_by_size(self, indices: Any, max_sizes: Any) -> Any:
        kept = self.sizes[indices, 0] <= max_sizes[0]
        return indices[kept], indices[~kept].tolist()

    def ordered_indices(self) -> Any:
        return self.sizes[:, 0].argsort(kind="stable")
