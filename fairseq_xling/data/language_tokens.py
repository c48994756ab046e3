"""The only place that knows which symbol goes where.

With a sentence x in `src` and its translation y in `tgt`, both in token ids, `</s>` as fairseq-preprocess adds it:

    source       none:   x </s>                 the CRISS release
                 suffix: x </s> [src]           mBART's pretraining
    target               [tgt] y </s>           what the loss is taken on
    decoder input        </s> [tgt] y           the target, shifted by fairseq's collater: `</s>` comes to the front
    generation           begins with </s>, the first output is forced to be [tgt], ends at </s>

A dual encoder's sentences are read alike on both sides:

    either side  first:  <s> x </s>             XLM-R, LaBSE and DAP (where the first token is [CLS])
                 none:   x </s>                 mBART's or CRISS' encoder
    with codes           <s> x </s> [src]       masked pretraining that is told the language

The dictionary ends with the language tokens `[code]` in the order of --criss-langs and then `<mask>`: the order in
which fairseq's multilingual_denoising appends them to its dict.txt, so that a pretrained mBART's rows keep their
meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from fairseq.data import AppendTokenDataset, Dictionary, FairseqDataset, PrependTokenDataset
from torch import Tensor

from fairseq_xling.configs import unknown
from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import language_token

MASK = "<mask>"
SOURCE_STYLES = ("none", "suffix")
DUAL_STYLES = ("first", "none")


def complete_dictionary(dictionary: Dictionary, languages: Sequence[str] | None, where: str) -> list[str]:
    """Append language tokens and `<mask>` where they are missing; returns the languages in the dictionary's order.

    A dictionary that already ends with `<mask>` is complete: its languages are the `[code]` symbols before it, and
    `languages`, if given, must be among them.
    """
    if MASK not in dictionary:
        return _extend(dictionary, languages, where)
    if dictionary.symbols[-1] != MASK:
        raise ConfigError(
            f"{where}: `{MASK}` must be the last symbol, but is number {dictionary.index(MASK)} of {len(dictionary)}. "
            "Remove its line and all lines behind it; the task appends language tokens and the mask by itself."
        )
    found = _languages_before_mask(dictionary)
    faults = [unknown("language", code, found) for code in languages or () if code not in found]
    if faults:
        raise ConfigError(faults, f"--criss-langs against the language tokens of {where}")
    if not found:
        raise ConfigError(f"{where} ends with `{MASK}` but has no language tokens before it. Remove that line.")
    return found


def _languages_before_mask(dictionary: Dictionary) -> list[str]:
    found = list[str]()
    for symbol in reversed(dictionary.symbols[:-1]):
        if not (symbol.startswith("[") and symbol.endswith("]") and len(symbol) > 2):
            break
        found.append(symbol[1:-1])
    return found[::-1]


def _extend(dictionary: Dictionary, languages: Sequence[str] | None, where: str) -> list[str]:
    if not languages:
        raise ConfigError(
            f"{where} has no language tokens, so --criss-langs must name the languages, in the order in which the "
            "model was pretrained: --criss-langs ar_AR,cs_CZ,…"
        )
    present = [code for code in languages if language_token(code) in dictionary]
    if present:
        raise ConfigError(
            f"{where} has the language tokens of {', '.join(present)} but not `{MASK}` as its last symbol. "
            "Remove their lines; the task appends language tokens and the mask by itself."
        )
    for code in languages:
        dictionary.add_symbol(language_token(code))
    dictionary.add_symbol(MASK)
    return list(languages)


class LanguageTokens:
    """Puts language tokens on sentences, one at a time or a data set at once."""

    def __init__(self, dictionary: Dictionary, languages: Iterable[str], source_style: str = "none") -> None:
        if source_style not in SOURCE_STYLES:
            raise ConfigError(
                f"--criss-source-token must be none (`x </s>`, as the CRISS release) or suffix (`x </s> [src]`, as "
                f"mBART's pretraining), but is {source_style!r}"
            )
        self.dictionary = dictionary
        self.languages = tuple(languages)
        self.source_style = source_style
        self._index = {code: dictionary.index(language_token(code)) for code in self.languages}

    def index(self, language: str) -> int:
        """The id of a language's token."""
        if language not in self._index:
            raise ConfigError(unknown("language", language, list(self.languages)))
        return self._index[language]

    def restyled(self, style: str) -> LanguageTokens:
        """The same tokens in another source style."""
        return LanguageTokens(self.dictionary, self.languages, style)

    @property
    def needs_language(self) -> bool:
        """Whether a sentence cannot be read without knowing its language."""
        return self.source_style != "none"

    def reads(self, language: str) -> bool:
        """Whether sentences of this language may be read."""
        return language in self.languages

    @property
    def added(self) -> int:
        """How many tokens `source` adds."""
        return int(self.source_style != "none")

    @property
    def indices(self) -> set[int]:
        """The ids of all language tokens: what is stripped from text before anybody scores it."""
        return set(self._index.values())

    def source(self, tokens: Tensor, language: str) -> Tensor:
        """`x </s>` as the encoder wants it."""
        if self.source_style == "none":
            return tokens
        return torch.cat([tokens, tokens.new_tensor([self.index(language)])])

    def target(self, tokens: Tensor, language: str) -> Tensor:
        """`y </s>` as the loss wants it."""
        return torch.cat([tokens.new_tensor([self.index(language)]), tokens])

    def source_dataset(self, sentences: FairseqDataset, language: str) -> FairseqDataset:
        """`source` over a data set of `x </s>`."""
        return sentences if self.source_style == "none" else AppendTokenDataset(sentences, self.index(language))

    def target_dataset(self, sentences: FairseqDataset, language: str) -> FairseqDataset:
        """`target` over a data set of `y </s>`."""
        return PrependTokenDataset(sentences, self.index(language))

    def prefix(self, rows: int, language: str) -> Tensor:
        """The forced first output of `rows` sentences translated into `language`, [rows, 1]."""
        return torch.full((rows, 1), self.index(language), dtype=torch.long)

    def prefix_of(self, target: Tensor) -> Tensor:
        """The language token of each target of a batch [n, length], padded on either side, as [n, 1]."""
        first = target.ne(self.dictionary.pad()).long().argmax(dim=1, keepdim=True)
        return target.gather(1, first)


def complete_with_mask(dictionary: Dictionary, where: str) -> list[str]:
    """Append `<mask>` where it is missing, as XLM-R's tasks do; returns the languages whose tokens precede it."""
    if MASK not in dictionary:
        dictionary.add_symbol(MASK)
    if dictionary.symbols[-1] != MASK:
        raise ConfigError(
            f"{where}: `{MASK}` must be the last symbol, but is number {dictionary.index(MASK)} of {len(dictionary)}. "
            "Remove its line and all lines behind it; the task appends the mask by itself."
        )
    return _languages_before_mask(dictionary)


class DualTokens(LanguageTokens):
    """Both sides of a dual encoder; with `codes`, the language's token stands behind the sentence."""

    def __init__(
        self, dictionary: Dictionary, languages: Iterable[str], source_style: str = "first", codes: bool = False
    ) -> None:
        if source_style not in DUAL_STYLES:
            raise ConfigError(
                f"--dual-style must be first (`<s> x </s>`, as XLM-R) or none (`x </s>`, as CRISS' encoder), but is "
                f"{source_style!r}"
            )
        super().__init__(dictionary, languages)
        self.source_style = source_style
        self.codes = codes

    def restyled(self, style: str) -> LanguageTokens:
        raise ConfigError(
            "a dual encoder reads sentences as it was trained to. Leave --language-token and --no-language-token out"
        )

    @property
    def needs_language(self) -> bool:
        return self.codes

    def reads(self, language: str) -> bool:
        """Any language, seen in training or not, where its token is not asked for."""
        return not self.codes or super().reads(language)

    @property
    def added(self) -> int:
        return int(self.source_style == "first") + self.codes

    @property
    def ordinary(self) -> tuple[int, int]:
        """First id and end of the tokens that are neither special nor a language's nor the mask."""
        return self.dictionary.nspecial, min([*self.indices, self.dictionary.index(MASK)])

    def source(self, tokens: Tensor, language: str) -> Tensor:
        """`x </s>` as the tower wants it."""
        before = [self.dictionary.bos()] if self.source_style == "first" else []
        behind = [self.index(language)] if self.codes else []
        return torch.cat([tokens.new_tensor(before), tokens, tokens.new_tensor(behind)]) if self.added else tokens

    def source_dataset(self, sentences: FairseqDataset, language: str) -> FairseqDataset:
        if self.source_style == "first":
            sentences = PrependTokenDataset(sentences, self.dictionary.bos())
        return AppendTokenDataset(sentences, self.index(language)) if self.codes else sentences
