"""Which directions a run trains, validates and translates, from the options together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import Pair, directions, parse_pairs
from fairseq_xling.tasks._criss_options import CrissTaskConfig

FOUND = "found"


def chosen_directions(
    cfg: CrissTaskConfig, languages: Sequence[str], has_data: Callable[[str, Pair], bool]
) -> tuple[list[Pair], list[Pair]]:
    """Directions to train and to validate, from --criss-pairs, --criss-eval-pairs, -s and -t; all faults at once.

    `has_data` says which pairs `found` means: those with data of the split; the first validation set is meant.
    """
    faults = [
        f"{option} {code} is not one of the languages {', '.join(languages)}"
        for option, code in (("-s", cfg.source_lang), ("-t", cfg.target_lang))
        if code and code not in languages
    ]
    if bool(cfg.source_lang) != bool(cfg.target_lang):
        faults.append("-s and -t must be given together")
    single = [Pair(cfg.source_lang, cfg.target_lang)] if cfg.source_lang and cfg.target_lang else []
    if not single and not cfg.criss_pairs:
        faults.append("give --criss-pairs to train, or -s and -t to translate")
    if faults:
        raise ConfigError(faults)
    trained = directions(_pairs(cfg.criss_pairs, languages, cfg.train_subset, has_data)) if cfg.criss_pairs else single
    if single and cfg.criss_pairs:
        trained = single
    wanted = cfg.criss_eval_pairs or (FOUND if cfg.criss_pairs == FOUND and not single else None)
    validated = directions(_pairs(wanted, languages, cfg.valid_subset, has_data)) if wanted else trained
    return trained, single or validated


def _pairs(text: str, languages: Sequence[str], split: str, has_data: Callable[[str, Pair], bool]) -> list[Pair]:
    if text != FOUND:
        return parse_pairs(text, languages)
    found = [pair for pair in parse_pairs("all", languages) if has_data(split.split(",")[0], pair)]
    if not found:
        raise ConfigError(
            f"the first folder of DATA has no pair of languages with `{split}` data, but `{FOUND}` is asked"
        )
    return found
