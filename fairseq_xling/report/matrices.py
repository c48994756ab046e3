"""Language by language: retrieval beside the surface baseline, BLEU, round after round."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from fairseq_xling.report.markup import Html, element, folded, together
from fairseq_xling.report.numbers import Scores, factor, languages_in
from fairseq_xling.report.reading import Run, Score
from fairseq_xling.report.tables import MANY, HeatMap, heat_map, ramp, section


def retrieval_section(run: Run, scores: Scores) -> Html:
    said = "Share of test sentences whose nearest neighbour among those of the other language is their translation."
    return section("retrieval", "Retrieval, language by language", *_maps(run, scores, "tatoeba.accuracy", said))


def translation_section(run: Run, scores: Scores) -> Html:
    said = "BLEU of the test set's translations from each language into each other one."
    return section("bleu", "BLEU, language by language", *_maps(run, scores, "bleu", said))


def _maps(run: Run, scores: Scores, name: str, said: str) -> Iterator[Html]:
    baseline = {"tatoeba.accuracy": "surface.accuracy", "bleu": "copy.bleu"}[name]
    title = {"tatoeba.accuracy": "Baseline: character n-grams", "bleu": "Baseline: the source itself"}[name]
    for split in scores.splits(name):
        rounds = scores.rounds(name, split)
        beside = scores.rounds(baseline, split)[-1:]
        figures = [(title, scores.directed(baseline, split, number)) for number in beside]
        figures += [(f"Round {number}", scores.directed(name, split, number)) for number in rounds]
        languages = languages_in((directed for _, directed in figures), run.languages)
        high = 100.0 if name != "bleu" else top_of(max(s.value for _, found in figures for s in found.values()))
        maps = [_map(found, label, languages, high, factor(name)) for label, found in figures]
        unit = " %" if factor(name) == 100 else ""
        yield element("p", f"{said} Rows are sources, columns targets. Split: {split}.")
        yield ramp(f"0{unit}", f"{high:g}{unit}")
        # All of it at a glance while maps are small; of large ones the baseline and the last round, the others folded.
        if len(languages) < MANY:
            yield element("div", *maps, class_="grid maps")
        else:
            ends, between = [*maps[: len(beside)], maps[-1]], maps[len(beside) : -1]
            yield element("div", *ends, class_="grid maps")
            yield folded("The rounds before", element("div", *between, class_="grid maps")) if between else together()


def _map(found: Mapping[tuple[str, str], Score], title: str, languages: list[str], high: float, times: float) -> Html:
    values = {pair: score.value * times for pair, score in found.items()}
    mean = sum(values.values()) / len(values)
    says = {pair: told for pair, score in found.items() if (told := counted(score))}
    return heat_map(HeatMap(f"{title} (mean {mean:.1f})", languages, values, high, says=says))


def counted(score: Score) -> str:
    """14 of 40 sentences, where the score says so."""
    right, of = score.counts.get("right"), score.counts.get("sentences")
    return f"{right} of {of} sentences" if right is not None and of is not None else ""


def top_of(value: float) -> float:
    """The end of a scale: the next multiple of 5 up to 20, of 10 above."""
    step = 5 if value <= 20 else 10
    return max(float(step), step * math.ceil(value / step))
