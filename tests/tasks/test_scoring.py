from __future__ import annotations

import argparse
from dataclasses import fields

import pytest
import sacrebleu
from fairseq import scoring
from fairseq.dataclass.utils import gen_parser_from_dataclass
from omegaconf import OmegaConf

from fairseq_xling import register
from fairseq_xling.errors import ConfigError
from fairseq_xling.tasks.scoring import XlingScorer, XlingScorerConfig

HYPOTHESES = ["the house of Rossi is old", "the water, isn't hot", ""]
REFERENCES = ["the house of Rossi is old and red", "the water isn't cold", "a wind"]


def scorer(**options: str) -> XlingScorer:
    made = XlingScorer(XlingScorerConfig(**options))
    for reference, hypothesis in zip(REFERENCES, HYPOTHESES, strict=True):
        made.add_string(reference, hypothesis)
    return made


def test_scores_are_sacrebleus_of_the_plain_text() -> None:
    found = scorer()
    metrics = sacrebleu.BLEU(), sacrebleu.CHRF()
    bleu, chrf = (metric.corpus_score(HYPOTHESES, [REFERENCES]).score for metric in metrics)
    assert found.score() == bleu
    parts = found.result_string().split("; ")
    assert [part.split(" ")[:3] for part in parts] == [["bleu", "=", f"{bleu:.2f}"], ["chrf", "=", f"{chrf:.2f}"]]
    assert "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|sacrebleu:" in parts[0]


def test_the_options_decide() -> None:
    found = scorer(xling_metrics="ter, bleu", xling_tokenize="char")
    assert found.score() == sacrebleu.TER().corpus_score(HYPOTHESES, [REFERENCES]).score
    assert "|tok:char|" in found.result_string()
    for wrong in ({"xling_metrics": "blue"}, {"xling_tokenize": "13b"}, {"xling_metrics": ""}):
        with pytest.raises(ConfigError, match="unknown"):
            scorer(**wrong)


def test_fairseq_knows_the_scorer_by_its_name() -> None:
    register()
    built = scoring.build_scorer(OmegaConf.create({"_name": "xling", "xling_metrics": "chrf"}), None)
    assert isinstance(built, XlingScorer)
    built.add_string("a b", "a b")
    assert built.score() == 100


def test_options_carry_their_owner() -> None:
    parser = argparse.ArgumentParser()
    gen_parser_from_dataclass(parser, XlingScorerConfig())
    assert all(f.name.startswith("xling_") for f in fields(XlingScorerConfig) if f.name != "_name")
    assert parser.parse_args([]).xling_metrics == "bleu,chrf"
    assert parser.parse_args(["--xling-tokenize", "zh"]).xling_tokenize == "zh"
