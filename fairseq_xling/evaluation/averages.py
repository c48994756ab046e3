"""Means over a named set of languages, as papers print them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.score import Score, common_signature

# The languages of XTREME's Tatoeba task (Hu et al. 2020, table 20 and its mock labels) by the codes of the test files.
XTREME_36 = (
    "afr", "ara", "bul", "ben", "deu", "ell", "spa", "est", "eus", "pes", "fin", "fra", "heb", "hin", "hun", "ind",
    "ita", "jpn", "jav", "kat", "kaz", "kor", "mal", "mar", "nld", "por", "rus", "swh", "tam", "tel", "tha", "tgl",
    "tur", "urd", "vie", "cmn",
)  # fmt: skip


def averages(scores: Sequence[Score], title: str, languages: Sequence[str]) -> list[Score]:
    """`NAME.title` of every directed score that all `languages` have: into the pivot, out of it, and both (`*`).

    A language that has no score at all is an error: a mean over fewer would not be the mean that the title says.
    """
    directed = [score for score in scores if "*" not in score.pair]
    missing = [code for code in languages if not any(_of(score, code) for score in directed)]
    if missing or not languages:
        lacking = f"{len(missing)} of these {len(languages)} have no test set: {', '.join(missing)}"
        raise CorpusError(f"average {title}: {lacking}. Add their files, or name another list.")
    names = dict.fromkeys(score.name for score in directed)
    return [mean for name in names for mean in _means(directed, name, title, languages)]


def _means(directed: Sequence[Score], name: str, title: str, languages: Sequence[str]) -> Iterator[Score]:
    alike = [score for score in directed if score.name == name]
    sides = []
    for side in (0, 1):
        chosen = [score for code in languages for score in alike if _of(score, code) == side + 1]
        if len(chosen) == len(languages):
            sides.append(chosen)
            pivots = {_other(score, languages) for score in chosen}
            pivot = pivots.pop() if len(pivots) == 1 else "*"
            yield _mean(f"{name}.{title}", f"*-{pivot}" if side == 0 else f"{pivot}-*", chosen, len(languages))
    if len(sides) == 2:
        yield _mean(f"{name}.{title}", "*", [*sides[0], *sides[1]], len(languages))


def _mean(name: str, pair: str, scores: Sequence[Score], languages: int) -> Score:
    value = sum(score.value for score in scores) / len(scores)
    return Score(name, value, common_signature(scores), pair, {"directions": len(scores), "languages": languages})


def _of(score: Score, code: str) -> int:
    """1 where the language is the source, 2 where it is the target, else 0."""
    return 1 if score.pair.startswith(f"{code}-") else 2 * score.pair.endswith(f"-{code}")


def _other(score: Score, languages: Sequence[str]) -> str:
    code = next(code for code in languages if _of(score, code))
    return score.pair.removeprefix(f"{code}-").removesuffix(f"-{code}")
