"""What was mined: counts and filters by pair and round, and every pair's margins with the chosen cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fairseq_xling.languages import Pair
from fairseq_xling.report.drawing import Bars, histogram
from fairseq_xling.report.markup import Html, count, element, folded, together
from fairseq_xling.report.mined import Mined, assembled, mined
from fairseq_xling.report.reading import Run
from fairseq_xling.report.tables import coloured, legend, section, table

Everything = Mapping[int, Mapping[Pair, Mined]]


def mining_section(run: Run) -> Html:
    found: dict[int, dict[Pair, Mined]] = {}
    for number in run.rounds:
        mined_here = {pair: one for pair in run.pairs if (one := mined(run, pair, number))}
        if mined_here:
            found[number] = mined_here
    if not found:
        return together()
    last = max(found)
    return section(
        "mining", "Mined pairs", *_counts(run, found), *_filters(run),
        element("h3", "Margins and the chosen cut"), *_key(found),
        *(_histograms(number, found[number], number == last) for number in sorted(found, reverse=True)),
    )  # fmt: skip


def _counts(run: Run, found: Everything) -> Iterator[Html]:
    judged = any(one.right is not None for pairs in found.values() for one in pairs.values())
    header: list[object] = ["pair"]
    for number in found:
        header += [f"round {number}", "right, %"] if judged else [f"round {number}"]
    rows: list[list[object]] = []
    for pair in run.pairs:
        row: list[object] = [str(pair)]
        for pairs in found.values():
            row += _cells(pairs.get(pair), judged)
        rows.append(row)
    total: list[object] = ["all together"]
    for pairs in found.values():
        mined_here = list(pairs.values())
        everything = sum(one.count for one in mined_here)
        total.append(count(everything))
        if judged:
            known = [one for one in mined_here if one.right is not None]
            of = sum(one.count for one in known)
            total.append(f"{100 * sum(one.right or 0 for one in known) / of:.1f}" if of else "\u2013")
    rows.append(total)
    said = "Right are pairs whose two lines have the same concept number in the ids." if judged else ""
    yield element("p", f"Sentence pairs that each round mined, after the cut. {said}")
    yield table(header, rows, total=True)


def _cells(one: Mined | None, judged: bool) -> list[object]:
    if one is None:
        return ["\u2013", "\u2013"] if judged else ["\u2013"]
    cells: list[object] = [count(one.count)]
    if judged:
        share = one.right / one.count if one.right is not None and one.count else None
        cells.append("\u2013" if share is None else coloured(f"{100 * share:.1f}", share))
    return cells


def _filters(run: Run) -> Iterator[Html]:
    """What assemble took out between mining and training, filter by filter."""
    tables = []
    for number in run.rounds:
        found = {pair: one for pair in run.pairs if (one := assembled(run, pair, number))}
        if not found:
            continue
        names = list(dict.fromkeys(name for one in found.values() for name in one.dropped))
        rows: list[list[object]] = [
            [str(pair), count(one.mined), *(count(one.dropped.get(name, 0)) for name in names), count(one.train),
             count(one.validation)]
            for pair, one in found.items()
        ]  # fmt: skip
        sums = [
            "all", count(sum(one.mined for one in found.values())),
            *(count(sum(one.dropped.get(name, 0) for one in found.values())) for name in names),
            count(sum(one.train for one in found.values())), count(sum(one.validation for one in found.values())),
        ]  # fmt: skip
        header = ["pair", "mined", *(element("code", name) for name in names), "train", "validation"]
        tables.append(
            table(header, [*rows, sums], f"Round {number} trains on what round {number - 1} mined", total=True)
        )
    if tables:
        yield folded("What the filters dropped before training", *tables)


def _key(found: Everything) -> Iterator[Html]:
    judged = any(one.right is not None for pairs in found.values() for one in pairs.values())
    yield element(
        "p",
        "Bars count the mined pairs by margin. The upright line is the cut: the margin of the last pair kept. The grey "
        "box spans the middle half of all mutual nearest pairs, its line 5 to 95 %; what lies left of the cut was left "
        "out. Trusted without gold: how many pairs mining's own estimate would keep.",
    )
    yield legend([("right", "right"), ("wrong", "wrong")] if judged else [("base", "mined, not judged")])


def _histograms(number: int, pairs: Mapping[Pair, Mined], is_last: bool) -> Html:
    figures = [_figure(one) for one in pairs.values()]
    return folded(f"Round {number}", element("div", *figures, class_="grid bars"), open_=is_last)


def _figure(one: Mined) -> Html:
    said = f" {count(one.count)} pairs"
    if one.right is not None and one.count:
        said += f", {100 * one.right / one.count:.1f} % right"
    more = [f"cut {one.cut:.4f}"] if one.cut is not None else []
    if one.suggested is not None:
        more.append(f"{count(one.suggested)} trusted without gold")
    title = element("figcaption", element("b", str(one.pair)), said, element("br"), " · ".join(more))
    if not one.bins:
        return element("figure", title, element("p", "No pair passed the cut.", class_="soft"))
    judged = one.right is not None
    bars = [
        (step.low, step.high, step.count if step.right is None else step.right,
         0 if step.right is None else step.count - step.right)
        for step in one.bins
    ]  # fmt: skip
    quantiles = [value for _, value in sorted(one.quantiles.items())]
    figure = Bars(f"{one.pair}, round {one.round}", bars, judged, one.cut, quantiles)
    edges = [*quantiles, one.bins[0].low, one.bins[-1].high]
    return element("figure", title, histogram(figure, min(edges), max(edges)))
