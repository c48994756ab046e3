"""Two runs on one page: scores side by side with their differences, and what was configured differently."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fairseq_xling.report.costs import ORDER
from fairseq_xling.report.drawing import Axes, Line, chart
from fairseq_xling.report.markup import Html, element, span_of, together
from fairseq_xling.report.matrices import top_of
from fairseq_xling.report.mined import mined
from fairseq_xling.report.numbers import Scores, factor, languages_in, naming, scores_of, shown
from fairseq_xling.report.overview import start_of, trained
from fairseq_xling.report.page import document
from fairseq_xling.report.reading import Run
from fairseq_xling.report.tables import HeatMap, coloured, heat_map, ramp, section, table

AID = (
    "Every difference is B minus A, of the mean over directions or of one direction. Only runs that were scored on the "
    "same sentences can be compared: the last table says what was configured differently. A dash stands for a score "
    "that one of the two does not have."
)
_CHARTS = ("tatoeba.accuracy", "tatoeba.accuracy.unshared", "bleu", "pairs.precision", "pairs.recall")


def comparison_page(one: Run, other: Run) -> str:
    scores = scores_of(one), scores_of(other)
    sections = [
        ("rounds", "Rounds", _rounds(one, other, scores)),
        ("retrieval", "Retrieval", _directions(one, scores, "tatoeba.accuracy")),
        ("bleu", "BLEU", _directions(one, scores, "bleu")),
        ("mining", "Mined pairs", _mining(one, other)),
        ("time", "Time", _time(one, other)),
        ("configuration", "Configuration", _configuration(one, other)),
    ]
    return document(f"{one.name} against {other.name}", _header(one, other), sections)


def _header(one: Run, other: Run) -> Html:
    rows = [
        ["run", *(_words(run.name) for run in (one, other))],
        ["languages", *(_words(", ".join(run.languages)) for run in (one, other))],
        ["start", *(_words(start_of(run.config)) for run in (one, other))],
        ["rounds trained", *(_words(str(trained(run))) for run in (one, other))],
        ["date", *(_words((run.began or "")[:16]) for run in (one, other))],
    ]
    notes = [element("p", f"{run.name}: {note}", class_="warn") for run in (one, other) for note in run.notes]
    head = ["", element("span", "A", class_="mark yes"), element("span", "B", class_="mark no")]
    return element(
        "header", element("h1", f"{one.name} against {other.name}"), element("p", AID), table(head, rows), *notes
    )


def _words(text: str) -> Html:
    return element("td", text or "\u2013", class_="left wrap")


def _rounds(one: Run, other: Run, scores: tuple[Scores, Scores]) -> Html:
    rounds = sorted({number for some in scores for name, split in some.rows for number in some.rounds(name, split)})
    rows: list[list[object]] = []
    for name, split in list(dict.fromkeys([*scores[0].rows, *scores[1].rows])):
        said = naming(name)
        cells: list[object] = []
        for number in rounds:
            values = [some.mean(name, split, number) for some in scores]
            cells += [*(shown(name, value) for value in values), _difference(name, values[0], values[1])]
        rows.append([f"{said.title}{', %' if said.percent else ''} ({split})", *cells])
    if not rows:
        return together()
    header: list[object] = ["mean over directions"]
    for number in rounds:
        header += [f"round {number}: A", "B", "B−A"]
    charts = element("div", *_charts(scores), class_="grid charts")
    return section("rounds", "Round by round", table(header, rows), charts)


def _difference(name: str, one: float | None, other: float | None) -> Html:
    if one is None or other is None:
        return element("td", "\u2013")
    said = shown(name, other - one, signed=True)
    return element("td", said, class_="changed" if said.strip("0.") else None)


def _charts(scores: tuple[Scores, Scores]) -> Iterator[Html]:
    for name in _CHARTS:
        lines = []
        for look, title, some in zip(("one", "two"), ("A", "B"), scores, strict=True):
            for split in some.splits(name)[:1]:
                points = [(float(number), mean * factor(name)) for number, mean in some.means(name, split)]
                lines.append(Line(title, points, look))
        if lines:
            said = naming(name)
            yield chart(Axes(said.title + (", %" if said.percent else ""), "round", whole=True), lines)


def _directions(one: Run, scores: tuple[Scores, Scores], name: str) -> Html:
    """B minus A of every direction that both scored, in the last round that both have."""
    parts = []
    for split in scores[0].splits(name):
        common = sorted(set(scores[0].rounds(name, split)) & set(scores[1].rounds(name, split)))
        if not common:
            continue
        before, after = (some.values(name, split, common[-1]) for some in scores)
        differences = {pair: (after[pair] - before[pair]) * factor(name) for pair in before if pair in after}
        if not differences:
            continue
        high = top_of(max(abs(value) for value in differences.values()))
        says = {pair: f"A {shown(name, before[pair])}, B {shown(name, after[pair])}" for pair in differences}
        title = f"{naming(name).title}, round {common[-1]}, {split}: B − A"
        figure = HeatMap(title, languages_in([differences], one.languages), differences, high, signed=True, says=says)
        parts += [ramp(f"A better by {high:g}", f"B better by {high:g}", signed=True), heat_map(figure)]
    return section(name.partition(".")[0].replace("tatoeba", "retrieval"), f"{naming(name).title} by direction", *parts)


def _mining(one: Run, other: Run) -> Html:
    """Counts of the last round that both mined, with the share of right pairs where ids tell."""
    common = [number for number in one.rounds if number in other.rounds]
    for number in reversed(common):
        rows: list[list[object]] = []
        for pair in list(dict.fromkeys([*one.pairs, *other.pairs])):
            cells: list[object] = []
            for run in (one, other):
                found = mined(run, pair, number)
                cells.append(f"{found.count}" if found else "\u2013")
                right = found.right if found else None
                share = right / found.count if found and right is not None and found.count else None
                cells.append("\u2013" if share is None else coloured(f"{100 * share:.1f}", share))
            if any(mined(run, pair, number) for run in (one, other)):
                rows.append([str(pair), *cells])
        if rows:
            header = ["pair", "A: mined", "A: right, %", "B: mined", "B: right, %"]
            return section("mining", f"Mined pairs of round {number}", table(header, rows))
    return together()


def _time(one: Run, other: Run) -> Html:
    spent = [_by_kind(run) for run in (one, other)]
    kinds = [kind for kind in ORDER if any(kind in some for some in spent)]
    rows: list[list[object]] = [
        [kind, *("\u2013" if kind not in some else span_of(some[kind]) for some in spent)] for kind in kinds
    ]
    rows.append(["all", *(span_of(sum(some.values())) for some in spent)])
    return section("time", "Time of all stages", table(["stage", "A", "B"], rows, total=True)) if kinds else together()


def _by_kind(run: Run) -> dict[str, float]:
    found: dict[str, float] = {}
    for stage in run.stages.values():
        found[stage.kind] = found.get(stage.kind, 0.0) + stage.seconds
    return found


def _configuration(one: Run, other: Run) -> Html:
    first, second = (dict(_flat(run.config)) for run in (one, other))
    changed = [name for name in dict.fromkeys([*first, *second]) if first.get(name) != second.get(name)]
    rows: list[list[object]] = [
        [element("code", name), *(element("td", element("code", some.get(name, "\u2013")), class_="left wrap")
                                  for some in (first, second))]
        for name in changed
    ]  # fmt: skip
    if not rows:
        return section("configuration", "What differs", element("p", "The two configurations are the same."))
    return section("configuration", "What differs", table(["option", "A", "B"], rows))


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """`mining.max_count` and its value as text, for every option that is set."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, str(value)
