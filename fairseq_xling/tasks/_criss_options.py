"""Options of the task `criss`; no postponed annotations here, fairseq reads the types themselves."""

from dataclasses import dataclass, field
from typing import Any, Optional

from fairseq.dataclass import FairseqDataclass
from omegaconf import II


@dataclass
class CrissTaskConfig(FairseqDataclass):
    """Lists are text, parsed once in setup_task: fairseq splits a `List[str]` into letters."""

    data: Optional[str] = field(
        default=None,
        metadata={
            "help": "colon-separated shards, one an epoch in turn; dictionary, validation and test data in the first"
        },
    )
    source_lang: Optional[str] = field(
        default=None,
        metadata={
            "help": "language to translate from; with -t in training: this direction only",
            "argparse_alias": "-s",
        },
    )
    target_lang: Optional[str] = field(
        default=None, metadata={"help": "language to translate into", "argparse_alias": "-t"}
    )
    criss_langs: Optional[str] = field(
        default=None,
        metadata={
            "help": "all languages of the model, in the order of its pretraining: ar_AR,cs_CZ,… "
            "(default: the [code] tokens of a dictionary that ends with <mask>)"
        },
    )
    criss_pairs: Optional[str] = field(
        default=None,
        metadata={
            "help": "pairs of languages to train, each in both directions: en_XX-ro_RO,… or all or pivots:en_XX,es_XX, "
            "or found: every pair with training data in DATA "
            "(default: the one direction of -s and -t)"
        },
    )
    criss_eval_pairs: Optional[str] = field(
        default=None, metadata={"help": "pairs with validation data, written as --criss-pairs (default: the same)"}
    )
    criss_source_token: str = field(
        default="none",
        metadata={
            "help": "none: source `x </s>`, as the CRISS release; suffix: `x </s> [src]`, as mBART's pretraining"
        },
    )
    criss_temperature: float = field(
        default=1.0, metadata={"help": "a pair with n sentence pairs is sampled with p ~ n^(1/T); 1: as they are"}
    )
    criss_sentencepiece: Optional[str] = field(
        default=None,
        metadata={"help": "SentencePiece model with which --dataset-impl raw reads sentences instead of pieces"},
    )
    criss_eval_bleu: bool = field(
        default=False, metadata={"help": "translate the validation sets; metrics bleu, bleu_xx-yy"}
    )
    criss_eval_bleu_args: str = field(
        default="{}", metadata={"help": 'options of generation for it as JSON: \'{"beam": 4, "max_len_b": 100}\''}
    )
    criss_eval_bleu_remove_bpe: Optional[str] = field(
        default="sentencepiece", metadata={"help": "how pieces become words again before BLEU"}
    )
    criss_eval_bleu_tokenize: str = field(default="13a", metadata={"help": "sacreBLEU's tokenizer"})
    criss_eval_retrieval: bool = field(
        default=False,
        metadata={"help": "retrieval accuracy on the validation sets; metrics retrieval, retrieval_xx-yy"},
    )
    max_source_positions: int = field(default=1024, metadata={"help": "longest source in tokens"})
    max_target_positions: int = field(default=1024, metadata={"help": "longest target in tokens"})
    train_subset: str = II("dataset.train_subset")
    valid_subset: str = II("dataset.valid_subset")
    dataset_impl: Any = II("dataset.dataset_impl")
    required_seq_len_multiple: int = II("dataset.required_seq_len_multiple")
    seed: int = II("common.seed")
    # Where training starts from, to compare the languages: the trainer loads the weights without asking the task.
    save_dir: Optional[str] = II("checkpoint.save_dir")
    restore_file: Optional[str] = II("checkpoint.restore_file")
    finetune_from_model: Optional[str] = II("checkpoint.finetune_from_model")
