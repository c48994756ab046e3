"""`fairseq-generate --scoring xling`: the numbers that `evaluate translation` gives for the same lines."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from references.written_model import WrittenModel

from fairseq_xling.evaluation.translation import Translations, translation_scores
from fairseq_xling.files import read_lines

pytestmark = pytest.mark.plugin

SEARCH = ["--beam", "2", "--max-len-b", "12", "--remove-bpe", "sentencepiece"]


def command(model: WrittenModel) -> list[object]:
    return [model.data, "--task", "criss", "-s", "aa", "-t", "bb", "--path", model.checkpoint, *SEARCH]


def test_generate_prints_scores_with_signatures(written_model: WrittenModel, fairseq: Callable[..., str]) -> None:
    printed = fairseq("generate", *command(written_model), "--scoring", "xling", "--xling-metrics", "bleu,chrf,ter")
    said = re.search(r"^Generate test with beam=2: (.*)$", printed, re.MULTILINE)
    assert said is not None
    found = {int(n): line for n, line in re.findall(r"^D-(\d+)\t[^\t]*\t(.*)$", printed, re.MULTILINE)}
    references = read_lines(written_model.texts / "pairs" / "test.aa-bb.bb")
    test = Translations([found[n] for n in range(len(found))], references, split="generated")
    expected = translation_scores(test, ["bleu", "chrf", "ter"], "13a")
    assert said[1] == "; ".join(f"{score.name} = {score.value:.2f} {score.signature}" for score in expected)
    assert expected[1].value > 0


def test_a_wrong_metric_is_said_at_once(written_model: WrittenModel, fairseq: Callable[..., str]) -> None:
    said = fairseq("generate", *command(written_model), "--scoring", "xling", "--xling-metrics", "blue", status=2)
    assert "fairseq-xling: error: unknown metric `blue` (did you mean `bleu`?)" in said
    assert "Traceback" not in said
