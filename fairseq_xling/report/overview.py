"""The top of the page: what ran, what became of it, and how to read on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from fairseq_xling.report.drawing import Axes, Line, chart
from fairseq_xling.report.markup import Html, count, element, span_of, together
from fairseq_xling.report.mined import assembled, mined
from fairseq_xling.report.numbers import Scores, factor, naming, shown
from fairseq_xling.report.reading import Planned, Run, round_of
from fairseq_xling.report.tables import section, table

AID = (
    "Round 0 is the starting model. Every later round trains that same original model on the pairs which the round "
    "before had mined, and then mines anew. Three questions to read by: do retrieval and BLEU rise from round to "
    "round, and past the baseline that needs no model? Do they rise too on the sentences that share no word with "
    "their translation, where names and numbers give nothing away? And do the mined pairs stay precise while they "
    "get more?"
)
TILES = ("tatoeba.accuracy", "tatoeba.accuracy.unshared", "bleu", "pairs.precision", "pairs.recall")


def header(run: Run, scores: Scores) -> Html:
    facts = element(
        "dl", *(together(element("dt", name), element("dd", said)) for name, said in _facts(run)), class_="facts"
    )
    lead = element("div", element("p", AID), facts, class_="lead")
    return element(
        "header", element("h1", f"Run {run.name}"), lead, *_unfinished(run),
        *(element("p", note, class_="warn") for note in run.notes), _tiles(run, scores),
    )  # fmt: skip


def _facts(run: Run) -> Iterator[tuple[str, object]]:
    config = run.config
    if run.languages:
        yield "languages", f"{len(run.languages)}: {', '.join(run.languages)}"
    if run.pairs:
        yield "language pairs", f"{len(run.pairs)} mined"
    planned = config.get("rounds")
    yield "rounds", f"{trained(run)} trained" + (f" of {planned}" if planned is not None else "")
    yield "start", start_of(config)
    training = config.get("training")
    if isinstance(training, Mapping):
        updates = training.get("max_update")
        said = [str(training.get("arch", "")), f"{updates} updates a round" if updates else ""]
        yield "model", ", ".join(filter(None, said))
    if run.began:
        yield "date", run.began[:16] + (f" to {run.ended[:16]}" if run.ended else "")
    seconds = sum(stage.seconds for stage in run.stages.values())
    if seconds:
        yield "work", f"{span_of(seconds)} in {count(len(run.stages))} stages"
    versions = sorted({stage.version for stage in run.stages.values()})
    yield "version", f"fairseq-xling {', '.join(versions) or 'unknown'}"


def trained(run: Run) -> int:
    """Rounds whose training is finished."""
    return sum(name.endswith("/train") for name in run.stages)


def start_of(config: Mapping[str, Any]) -> str:
    """Where the original model comes from, in words."""
    start = config.get("start")
    if not isinstance(start, Mapping):
        return f"{start}: random weights, character n-grams mine in round 0" if start else "unknown"
    miner = ", character n-grams mine in round 0" if start.get("miner") == "surface" else ""
    if "pretrain" in start:
        updates = (start["pretrain"] or {}).get("max_update")
        return f"a small mBART pretrained on the text{f', {updates} updates' if updates else ''}{miner}"
    if "checkpoint" in start:
        return f"{str(start['checkpoint']).rpartition('/')[2]}{miner}"
    return f"random weights{miner}"


def _unfinished(run: Run) -> Iterator[Html]:
    if run.missing:
        done = len(run.planned) - len(run.missing)
        yield element(
            "p", f"Unfinished: {done} of {len(run.planned)} stages are there. Missing: {listed(run.missing)}.",
            class_="warn",
        )  # fmt: skip
    if not run.scores:
        yield element(
            "p", "There are no scores: nothing was evaluated yet, or the configuration names no test sets and no ids.",
            class_="warn",
        )  # fmt: skip


def listed(stages: list[Planned]) -> str:
    """round 2: train, 5 encode; …"""
    found = Counter((round_of(stage.name), stage.kind) for stage in stages)
    by_round: dict[int | None, list[str]] = {}
    for (number, kind), many in found.items():
        by_round.setdefault(number, []).append(f"{many} {kind}" if many > 1 else kind)
    return "; ".join(
        f"{'start' if number is None else f'round {number}'}: {', '.join(kinds)}" for number, kinds in by_round.items()
    )


def _tiles(run: Run, scores: Scores) -> Html | None:
    tiles = []
    for name in TILES:
        for split in scores.splits(name)[:1]:
            means = scores.means(name, split)
            said = naming(name)
            first, last = means[0], means[-1]
            unit = " %" if said.percent else ""
            figure = shown(name, last[1]) + unit
            before = f"round {first[0]}: {shown(name, first[1])}{unit}" if len(means) > 1 else f"round {last[0]}"
            base = scores.baseline(name, split)
            beside = f"baseline: {shown(name, base)}{unit}" if base is not None else ""
            words = [element("span", text) for text in (before, beside) if text]
            tiles.append(element("div", element("span", said.title), element("b", figure), *words, class_="tile"))
    return element("div", *tiles, class_="tiles") if tiles else None


def rounds_section(run: Run, scores: Scores) -> Html:
    rounds = sorted({number for name, split in scores.rows for number in scores.rounds(name, split)})
    splits = {split for name, split in scores.rows if not name.startswith("pairs.")}
    rows: list[list[object]] = []
    for name, split in scores.rows:
        said = naming(name)
        unit = ", %" if said.percent else ""
        where = f" ({split})" if len(splits) > 1 and split in splits else ""
        title = together(said.title + unit + where, element("small", said.meaning) if said.meaning else "")
        means = dict(scores.means(name, split))
        base = scores.baseline(name, split)
        rows.append([title, shown(name, base), *(shown(name, means.get(number)) for number in rounds)])
    rows += _counts(run, rounds)
    if not rows:
        return together()
    header = ["mean over directions", "baseline", *(f"round {number}" for number in rounds)]
    return section(
        "rounds", "Round by round", table(header, rows), element("div", *_charts(scores), class_="grid charts")
    )


def _counts(run: Run, rounds: list[int]) -> list[list[object]]:
    """Pairs mined in each round, and those that the round trained on."""
    found: list[list[object]] = []
    for title, what in (("Sentence pairs mined", _mined_in), ("Sentence pairs trained on", _trained_on)):
        sums = [what(run, number) for number in rounds]
        if any(total is not None for total in sums):
            found.append([title, "\u2013", *("\u2013" if total is None else count(total) for total in sums)])
    return found


def _mined_in(run: Run, number: int) -> int | None:
    found = [one.count for pair in run.pairs if (one := mined(run, pair, number))]
    return sum(found) if found else None


def _trained_on(run: Run, number: int) -> int | None:
    found = [one.train for pair in run.pairs if (one := assembled(run, pair, number))]
    return sum(found) if found else None


def _charts(scores: Scores) -> Iterator[Html]:
    for title, wanted in (
        ("Retrieval, %", (("tatoeba.accuracy", "one", "all"), ("tatoeba.accuracy.unshared", "two", "no shared word"))),
        ("BLEU", (("bleu", "one", "all"), ("bleu.unshared", "two", "no shared word"))),
        ("Mined pairs, %", (("pairs.precision", "one", "precision"), ("pairs.recall", "two", "recall"))),
    ):
        lines = list(_lines(scores, wanted))
        if any(not line.flat for line in lines):
            yield chart(Axes(title, "round", whole=True), lines)


def _lines(scores: Scores, wanted: tuple[tuple[str, str, str], ...]) -> Iterator[Line]:
    for place, (name, look, title) in enumerate(wanted):
        for split in scores.splits(name)[:1]:
            yield Line(title, [(number, mean * factor(name)) for number, mean in scores.means(name, split)], look)
            base = scores.baseline(name, split)
            if base is not None:
                beside = f"baseline, {title}" if place or name == "tatoeba.accuracy" else "baseline"
                yield Line(beside, [(0, base * factor(name))], "base dash" if place else "base", flat=True)
