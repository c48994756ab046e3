"""How training went and what everything took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairseq_xling.report.colours import STEPS
from fairseq_xling.report.drawing import Axes, Line, chart
from fairseq_xling.report.markup import Html, element, number, span_of, together
from fairseq_xling.report.reading import Run, round_of
from fairseq_xling.report.tables import section, table
from fairseq_xling.report.training import Curve, curves

ORDER = ("prepare", "pretrain", "start", "encode", "tiles", "mine", "assemble", "binarise", "train", "evaluate")
# The steps of the scale that are seen on the card in both schemes; rounds go from the first of them to the last.
_SEEN = (9, STEPS - 1)


def training_section(run: Run) -> Html:
    found = [curve for curve in curves(run) if curve.training]
    before = [curve for curve in found if curve.round is None]
    rounds = [curve for curve in found if curve.round is not None]
    charts = [chart(_axes("Pretraining"), list(_lines([curve]))) for curve in before]
    if rounds:
        charts.append(chart(_axes("Rounds, each from the original model"), list(_lines(rounds))))
    if not charts:
        return together()
    said = (
        "Loss against update, as fairseq-train logged it. Losses of different data or noise are not to be compared: "
        "pretraining restores masked text, rounds translate what was mined."
    )
    few = any(len(curve.training) < 3 for curve in found)
    note = " Trainings that are shorter than fairseq's log interval show the mean of an epoch only." if few else ""
    grid = element("div", *charts, class_="grid charts")
    return section("training", "Training", element("p", said + note), grid)


def _axes(title: str) -> Axes:
    return Axes(f"{title}: loss", "update", whole=True, zero=False, places=2)


def _lines(found: Sequence[Curve]) -> Iterator[Line]:
    first, last = _SEEN
    for place, curve in enumerate(found):
        share = place / (len(found) - 1) if len(found) > 1 else 0.5
        colour = f"q{round(first + share * (last - first))}"
        title = "training" if curve.round is None else f"round {curve.round}"
        yield Line(title, curve.training, colour=colour)
        if curve.validation:
            yield Line(f"{title}, validation", curve.validation, "one dash", colour)


def time_section(run: Run) -> Html:
    if not run.stages:
        return together()
    columns = sorted({round_of(name) for name in run.stages}, key=lambda number: -1 if number is None else number)
    kinds = [kind for kind in ORDER if any(stage.kind == kind for stage in run.stages.values())]
    kinds += sorted({stage.kind for stage in run.stages.values()} - set(ORDER))
    total = sum(stage.seconds for stage in run.stages.values())
    rows: list[list[object]] = []
    for kind in kinds:
        spent = [_spent(run, kind, number) for number in columns]
        share = sum(filter(None, spent)) / (total or 1)
        bar = element("span", class_="share", style=f"width:{80 * share:.1f}%")
        cell = element("td", bar, f" {100 * share:.0f} %", class_="bar")
        rows.append([kind, *map(_said, spent), span_of(sum(filter(None, spent))), cell])
    sums = [sum(filter(None, (_spent(run, kind, number) for kind in kinds))) for number in columns]
    rows.append(["all", *map(span_of, sums), span_of(total), ""])
    header = ["stage", *("start" if column is None else f"round {column}" for column in columns), "all", "share"]
    return section("time", "Time and cost", *_words(run, total), table(header, rows, total=True))


def _spent(run: Run, kind: str, number: int | None) -> float | None:
    found = [stage.seconds for name, stage in run.stages.items() if stage.kind == kind and round_of(name) == number]
    return sum(found) if found else None


def _said(seconds: float | None) -> str:
    return "\u2013" if seconds is None else span_of(seconds)


def _words(run: Run, total: float) -> Iterator[Html]:
    said = f"The stages worked {span_of(total)} in all, added up: those that ran side by side count each."
    if run.began and run.ended:
        said += f" On the clock it began {run.began} and the last stage was done {run.ended}, pauses included."
    yield element("p", said)
    hosts = sorted({stage.host for stage in run.stages.values()})
    processors, accelerators = hours(run)
    cost = []
    if processors is not None:
        cost.append(f"{number(processors, 2)} processor-hours")
    if accelerators:
        cost.append(f"{number(accelerators, 2)} GPU-hours")
    where = f"Machines: {', '.join(hosts) if len(hosts) <= 8 else len(hosts)}"
    yield element("p", f"{'; '.join([where, *cost])}. Attempts that failed or were cut short are not counted.")


def hours(run: Run) -> tuple[float | None, float]:
    """(processor-hours, GPU-hours) of the stages by what they may use; None where one may use a whole machine."""
    asked = {stage.name: stage for stage in run.planned}
    known = [(stage.seconds / 3600, asked[name]) for name, stage in run.stages.items() if name in asked]
    gpus = sum(spent * plan.nodes * plan.gpus for spent, plan in known)
    if len(known) < len(run.stages) or any(plan.cpus is None for _, plan in known):
        return None, gpus
    return sum(spent * plan.nodes * (plan.cpus or 1) for spent, plan in known), gpus
