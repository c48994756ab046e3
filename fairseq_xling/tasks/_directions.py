"""Which directions a run trains, validates and translates, from the options together."""

from __future__ import annotations

from collections.abc import Sequence

from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import Pair, directions, parse_pairs
from fairseq_xling.tasks._criss_options import CrissTaskConfig


def chosen_directions(cfg: CrissTaskConfig, languages: Sequence[str]) -> tuple[list[Pair], list[Pair]]:
    """Directions to train and to validate, from --criss-pairs, --criss-eval-pairs, -s and -t; all faults at once."""
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
    trained = directions(parse_pairs(cfg.criss_pairs, languages)) if cfg.criss_pairs else single
    if single and cfg.criss_pairs:
        trained = single
    validated = directions(parse_pairs(cfg.criss_eval_pairs, languages)) if cfg.criss_eval_pairs else trained
    return trained, single or validated
