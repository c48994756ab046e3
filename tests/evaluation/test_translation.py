from __future__ import annotations

import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.errors import ConfigError, CorpusError, MissingDependencyError
from fairseq_xling.evaluation.score import Score
from fairseq_xling.evaluation.sharing import shares_no_word
from fairseq_xling.evaluation.translation import METRICS, Translations, translation_scores
from fairseq_xling.signatures import parse_signature

words = st.sampled_from(["a", "b", "the", "cat", "Rossi", "7", ".", "sat."])
sentences = st.lists(words, max_size=8).map(" ".join)
texts = st.lists(st.tuples(sentences, sentences, sentences), min_size=1, max_size=6).map(
    lambda rows: list(zip(*rows, strict=True))
)
DIRECT = {"bleu": sacrebleu.metrics.BLEU, "chrf": sacrebleu.metrics.CHRF, "ter": sacrebleu.metrics.TER}


def named(scores: list[Score]) -> dict[str, Score]:
    assert len({score.name for score in scores}) == len(scores)
    return {score.name: score for score in scores}


def direct(name: str, hypotheses: list[str], references: list[str]) -> float:
    return float(DIRECT[name]().corpus_score(hypotheses, [references]).score)


@given(texts)
def test_every_score_is_what_sacrebleu_says_when_called_directly(sides: list[tuple[str, ...]]) -> None:
    sources, hypotheses, references = (list(side) for side in sides)
    test = Translations(hypotheses, references, sources)
    found = named(translation_scores(test, METRICS, unshared=True))
    chosen = shares_no_word(sources, references)
    some = [[line for line, kept in zip(side, chosen, strict=True) if kept] for side in (hypotheses, references)]
    assert found["copy.bleu"].value == direct("bleu", sources, references)
    for name in METRICS:
        assert found[name].value == direct(name, hypotheses, references)
        assert (f"{name}.unshared" in found) == chosen.any()
        if chosen.any():
            assert found[f"{name}.unshared"].value == direct(name, *some)
            assert found[f"{name}.unshared"].counts["sentences"] == chosen.sum()
            assert found[f"{name}.unshared"].counts["of"] == len(sources)


def test_the_reference_itself_is_perfect_and_nothing_is_worth_nothing() -> None:
    lines = ["the cat sat on the mat", "and there was evening and morning"]
    found = named(translation_scores(Translations(lines, lines, ["", ""]), METRICS))
    assert {name: round(score.value, 9) for name, score in found.items()} == {
        "bleu": 100, "chrf": 100, "ter": 0, "copy.bleu": 0
    }  # fmt: skip
    empty = named(translation_scores(Translations(["", ""], lines), METRICS))
    assert {name: score.value for name, score in empty.items()} == {"bleu": 0, "chrf": 0, "ter": 100}


@given(texts, st.randoms(use_true_random=False))
def test_the_order_of_the_lines_does_not_matter(sides: list[tuple[str, ...]], random: object) -> None:
    rows = list(zip(*sides, strict=True))
    random.shuffle(rows)  # type: ignore[attr-defined]
    straight, shuffled = (
        translation_scores(Translations(hypotheses, references, sources), METRICS, unshared=True)
        for sources, hypotheses, references in (sides, list(zip(*rows, strict=True)))
    )
    assert straight == shuffled


def test_a_repeated_text_scores_as_once() -> None:
    hypotheses, references = ["the cat sat on a mat", "a dog ran home"], ["the cat sat on the mat", "the dog ran home"]
    once, twice = (
        {s.name: s.value for s in translation_scores(Translations(hypotheses * n, references * n), METRICS)}
        for n in (1, 2)
    )
    assert once == twice
    assert 0 < once["bleu"] < 100


def test_the_signature_holds_sacrebleus() -> None:
    test = Translations(["a b c d"], ["a b c e"], ["x"], ("fur", "eng"), "dev")
    found = named(translation_scores(test, METRICS, unshared=True))
    for name in METRICS:
        metric = DIRECT[name]()
        metric.corpus_score(["a"], [["a"]])
        theirs = dict(part.split(":", 1) for part in str(metric.get_signature()).split("|"))
        ours = parse_signature(found[name].signature)
        version = theirs.pop("version")
        assert ours.pop("xling")
        assert ours == theirs | {"sacrebleu": version, "split": "dev"}
        assert found[name].pair == "fur-eng"
        assert parse_signature(found[f"{name}.unshared"].signature)["sentences"] == "unshared"
    assert found["bleu"].counts == {"sentences": 1, "brevity_penalty": 1.0, "words": 4, "reference_words": 4}
    assert found["ter"].counts == {"sentences": 1, "edits": 1, "reference_words": 4}


@pytest.mark.parametrize(
    ("language", "tokenize", "tokens"),
    [
        ("eng", None, "13a"),
        ("zh_CN", None, "zh"),
        ("cmn", None, "zh"),
        ("zho", "char", "char"),
        ("eng", "none", "none"),
    ],
)
def test_bleu_splits_as_sacrebleu_does_for_the_language(language: str, tokenize: str | None, tokens: str) -> None:
    test = Translations(["猫在这里。"], ["猫 在那里。"], languages=("eng", language))
    (score,) = translation_scores(test, ["bleu"], tokenize)
    assert parse_signature(score.signature)["tok"] == tokens
    assert score.value == sacrebleu.corpus_bleu(test.hypotheses, [test.references], tokenize=tokens).score


def test_what_cannot_be_scored_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CorpusError, match="fur-eng: .* there are 1 hypotheses, 2 references, 1 sources"):
        Translations(["a"], ["a", "b"], ["c"], ("fur", "eng"))
    with pytest.raises(CorpusError, match="at least one line"):
        Translations([], [])
    one = Translations(["a"], ["a"])
    with pytest.raises(CorpusError, match="from the sources"):
        translation_scores(one, unshared=True)
    with pytest.raises(ConfigError, match="unknown metric `blue`"):
        translation_scores(one, ["blue"])
    with pytest.raises(ConfigError, match=r"unknown tokenize `13` .*13a"):
        translation_scores(one, ["bleu"], "13")

    def missing(*_: object, **__: object) -> None:
        raise RuntimeError("\nJapanese tokenization requires\n    pip install sacrebleu[ja]\n")

    monkeypatch.setattr(sacrebleu.metrics, "BLEU", type("BLEU", (), {"__init__": missing, "TOKENIZERS": ["13a"]}))
    with pytest.raises(MissingDependencyError, match=r"requires pip install sacrebleu\[ja\] Or choose"):
        translation_scores(one, ["bleu"])
