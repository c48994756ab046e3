"""Sample pairs on the page: their sentences are text and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairseq_xling.report.markup import Html, corpus_text, count, element, folded, together
from fairseq_xling.report.reading import Run
from fairseq_xling.report.samples import Sample, samples
from fairseq_xling.report.tables import scrolled, section


def samples_section(run: Run) -> Html:
    """Of the first and the last round that mined: what changed is seen best there."""
    rounds = [
        number for number in run.rounds if any(f"round-{number:02d}/mine/{pair}" in run.stages for pair in run.pairs)
    ]
    ends = list(dict.fromkeys([*rounds[-1:], *rounds[:1]]))
    parts = [part for number in ends for part in _round(run, number, number == ends[0])]
    if not parts:
        return together()
    said = "From the best margin of each pair of languages down to the last one before the cut."
    return section("samples", "Sample pairs", element("p", said), *parts)


def _round(run: Run, number: int, is_last: bool) -> Iterator[Html]:
    found, missing = samples(run, number)
    notes = [element("p", f"No samples with {reason}", class_="warn") for reason in missing]
    pairs = [
        folded(str(pair), _table(pair.source, pair.target, some), open_=place == 0)
        for place, (pair, some) in enumerate(found.items())
    ]
    if notes or pairs:
        yield folded(f"Round {number}", *notes, element("div", *pairs, class_="inner"), open_=is_last)


def _said(code: str, sentence: str) -> Html:
    return element("div", element("small", code), corpus_text(sentence), class_="said")


def _table(source: str, target: str, some: Sequence[Sample]) -> Html:
    judged = any(sample.right is not None for sample in some)
    head = ["place", "margin", *(["right?"] if judged else []), f"{source} and {target}"]
    cells = [element("th", name, scope="col", class_="left" if not i or i == len(head) - 1 else None)
             for i, name in enumerate(head)]  # fmt: skip
    rows = []
    for sample in some:
        mark = {None: "\u2013", True: element("span", "✓ yes", class_="mark yes")}.get(
            sample.right, element("span", "✗ no", class_="mark no")
        )
        text = together(_said(source, sample.source), _said(target, sample.target))
        place = together(sample.place, element("small", f"no. {count(sample.rank)}"))
        rows.append(
            element("tr", element("th", place, scope="row"), element("td", f"{sample.margin:.4f}"),
                    element("td", mark) if judged else None, element("td", text, class_="wrap"))
        )  # fmt: skip
    table = element("table", element("thead", element("tr", *cells)), element("tbody", *rows), class_="samples")
    return scrolled(table, f"{source}-{target}")
