"""Options of the tasks for dual encoders; no postponed annotations here, fairseq reads the types themselves."""

from dataclasses import dataclass, field
from typing import Any, Optional

from fairseq.dataclass import FairseqDataclass
from omegaconf import II


@dataclass
class DualTaskConfig(FairseqDataclass):
    """Lists are text, parsed once in setup_task: fairseq splits a `List[str]` into letters."""

    data: Optional[str] = field(
        default=None,
        metadata={"help": "colon-separated shards, one an epoch in turn; dictionary and validation data in the first"},
    )
    dual_pairs: Optional[str] = field(
        default=None,
        metadata={
            "help": "pairs of languages to train, source-target as written: ro_RO-en_XX,…; or all; or pivots:en_XX "
            "(every pair with a pivot, which is the target); or found: every pair with training data in DATA"
        },
    )
    dual_langs: Optional[str] = field(
        default=None,
        metadata={"help": "all languages, in an order that stays (default: those of --dual-pairs, as they come)"},
    )
    dual_eval_pairs: Optional[str] = field(
        default=None, metadata={"help": "pairs with validation data, written as --dual-pairs (default: the same)"}
    )
    dual_style: str = field(
        default="first",
        metadata={"help": "first: `<s> x </s>`, as XLM-R; none: `x </s>`, as mBART's and CRISS' encoder"},
    )
    dual_longest: int = field(
        default=128, metadata={"help": "longest side in tokens, `<s>` and `</s>` included; longer ones are skipped"}
    )
    dual_temperature: float = field(
        default=1.0, metadata={"help": "a pair with n sentence pairs is sampled with p ~ n^(1/T); 1: as they are"}
    )
    dual_sentencepiece: Optional[str] = field(
        default=None,
        metadata={"help": "SentencePiece model with which --dataset-impl raw reads sentences instead of pieces"},
    )
    train_subset: str = II("dataset.train_subset")
    valid_subset: str = II("dataset.valid_subset")
    dataset_impl: Any = II("dataset.dataset_impl")
    seed: int = II("common.seed")


@dataclass
class DualAlignmentConfig(DualTaskConfig):
    """Sentence pairs, and what is measured on those of validation."""

    dual_hard_negatives: int = field(
        default=0,
        metadata={
            "help": "more candidates for each source, from DATA/train.xx-yy.neighbours.tsv (mine --retrieval all)"
        },
    )
    dual_eval_retrieval: bool = field(
        default=False,
        metadata={"help": "retrieval accuracy on the validation sets; metrics retrieval, retrieval_xx-yy"},
    )


@dataclass
class MaskedPairsConfig(DualTaskConfig):
    """Monolingual text and sentence pairs."""

    masked_mono: Optional[str] = field(
        default=None,
        metadata={"help": "languages with text DATA/xx/train, for MLM: aa,bb,… (default: none)"},
    )
    masked_pair_share: float = field(
        default=0.5, metadata={"help": "share of an epoch's items that are joined pairs (TLM), where there are both"}
    )
    masked_language_codes: bool = field(
        default=False, metadata={"help": "put the language's token behind each sentence (LaBSE: without)"}
    )
