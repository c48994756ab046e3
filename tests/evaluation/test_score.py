from __future__ import annotations

import json

from fairseq_xling.evaluation.score import Score, extended, with_means
from fairseq_xling.signatures import parse_signature, signature

MADE = signature(margin="ratio", split="test", threshold=None)


def test_a_score_prints_and_serialises() -> None:
    score = Score("xsim.error", 0.25, MADE, "fur-eng", {"errors": 1, "share": 0.12345678})
    assert str(score) == f"fur-eng xsim.error = 0.2500 (errors 1, share 0.123457) {MADE}"
    assert json.loads(json.dumps(score.record())) == {
        "pair": "fur-eng",
        "name": "xsim.error",
        "value": 0.25,
        "split": "test",
        "signature": MADE,
        "counts": {"errors": 1, "share": 0.12345678},
    }
    assert str(Score("bleu", 20.0, signature(tok="13a"))) == f"* bleu = 20.0000 {signature(tok='13a')}"
    assert Score("bleu", 20.0, signature(tok="13a")).split == "none"


def test_a_signature_is_extended_without_losing_what_it_said() -> None:
    made = signature(encoder="surface", threshold=1.06)
    assert parse_signature(extended(made, split="dev", threshold="oracle")) == {
        "encoder": "surface",
        "mined-threshold": "1.06",
        "split": "dev",
        "threshold": "oracle",
        "xling": parse_signature(made)["xling"],
    }
    assert extended(None, split="dev") == signature(split="dev")


def test_means_weigh_every_direction_equally() -> None:
    other = signature(margin="ratio", split="test", threshold=1.0)
    scores = [Score("a", 0.5, MADE, "x-y"), Score("a", 1.0, other, "y-x"), Score("b", 0.1, MADE, "x-y")]
    found = with_means(iter(scores))
    assert found[:3] == scores
    mean = signature(margin="ratio", split="test", threshold="various")
    assert found[3:] == [Score("a", 0.75, mean, "*", {"directions": 2})]
