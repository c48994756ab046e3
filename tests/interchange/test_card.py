"""README.md of a folder says what holds for this model, and its code is code."""

from __future__ import annotations

import ast
import re
import textwrap

import pytest
from references import small_criss, small_dual

from fairseq_xling.data.language_tokens import DualTokens
from fairseq_xling.interchange.card import huggingface_card, sentence_transformers_card


def code(card: str) -> list[ast.stmt]:
    """The indented blocks of a card as one program."""
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", card, re.MULTILINE)
    return ast.parse("\n".join(textwrap.dedent(block) for block in blocks)).body


def calls(card: str) -> str:
    return " ".join(ast.unparse(statement) for statement in code(card))


def test_a_translator() -> None:
    card = huggingface_card(True, small_criss.language_tokens(), True, 0)
    assert "AutoModelForSeq2SeqLM.from_pretrained('.')" in calls(card)
    assert "convert_tokens_to_ids('[cc]')" in calls(card)
    assert "`[aa] [bb] [cc]`" in card
    assert "behind every line" not in card


def test_a_translator_that_is_told_the_source() -> None:
    card = huggingface_card(True, small_criss.language_tokens("suffix"), True, 0)
    assert "TemplateProcessing(single=['$A', '</s>', code]" in calls(card)


def test_an_encoder() -> None:
    symbols = small_dual.dictionary()
    card = huggingface_card(False, DualTokens(symbols, []), True, 0)
    assert "AutoModelForMaskedLM" in calls(card)
    assert "generate" not in card


@pytest.mark.parametrize(("pieces", "left_out"), [(True, 3), (True, 0), (False, 0)])
def test_what_is_said_of_pieces(pieces: bool, left_out: int) -> None:
    card = huggingface_card(True, small_criss.language_tokens(), pieces, left_out)
    assert ("There are no tokenizer files" in card) == (not pieces)
    assert ("3 pieces of the SentencePiece model are not in the dictionary" in card) == bool(left_out)


@pytest.mark.parametrize("language", ["aa", None])
def test_sentence_vectors(language: str | None) -> None:
    card = sentence_transformers_card("a.b.C", "mean", language)
    assert card.startswith("---\npipeline_tag: sentence-similarity\n")
    assert "This needs the package fairseq-xling" in card
    assert "`a.b.C`" in card
    assert "trust_remote_code=True" in calls(card)
    assert ("as one of the language `aa`" in card) == (language is not None)
