"""A run's page, put together; equal run directories give equal bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairseq_xling import __version__
from fairseq_xling.report.costs import time_section, training_section
from fairseq_xling.report.margins import mining_section
from fairseq_xling.report.markup import Html, element, folded, together
from fairseq_xling.report.matrices import retrieval_section, translation_section
from fairseq_xling.report.numbers import Scores, scores_of
from fairseq_xling.report.overview import header, rounds_section
from fairseq_xling.report.reading import Run
from fairseq_xling.report.sentences import samples_section
from fairseq_xling.report.style import stylesheet
from fairseq_xling.report.tables import section

# Nothing may be loaded and nothing may run, whatever a text holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def run_page(run: Run) -> str:
    scores = scores_of(run)
    sections = [
        ("rounds", "Rounds", rounds_section(run, scores)),
        ("retrieval", "Retrieval", retrieval_section(run, scores)),
        ("bleu", "BLEU", translation_section(run, scores)),
        ("mining", "Mined pairs", mining_section(run)),
        ("training", "Training", training_section(run)),
        ("samples", "Samples", samples_section(run)),
        ("time", "Time", time_section(run)),
        ("configuration", "Configuration", configuration_section(run, scores)),
    ]
    return document(f"{run.name}: report", header(run, scores), sections)


def document(title: str, top: Html, sections: Sequence[tuple[str, str, Html]]) -> str:
    """The frame of every page: (anchor, short name, section) each; empty sections are left out."""
    kept = [(anchor, name, part) for anchor, name, part in sections if part]
    links = (element("li", element("a", name, href=f"#{anchor}")) for anchor, name, _ in kept)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content=f"fairseq-xling {__version__}"),
        element("link", rel="icon", href="data:,"),
        element("title", title),
        Html(f"<style>{stylesheet()}</style>"),
    )
    body = element(
        "body",
        top,
        element("nav", element("ul", *links), aria_label="sections"),
        element("main", *(part for *_, part in kept)),
        element("footer", f"Written by fairseq-xling {__version__}. One file: no script, nothing is loaded."),
    )
    return "<!doctype html>\n" + element("html", head, "\n", body, lang="en") + "\n"


def configuration_section(run: Run, scores: Scores) -> Html:
    parts = [*_configuration(run), *signatures(scores)]
    return section("configuration", "Configuration and signatures", *parts) if parts else together()


def _configuration(run: Run) -> Iterator[Html]:
    if run.config_text:
        text = element("pre", run.config_text, tabindex="0", role="region", aria_label="config.yaml")
        yield folded("config.yaml, with absolute paths", text, open_=len(run.config_text) < 4000)


def signatures(scores: Scores) -> Iterator[Html]:
    """How each number was made; one line for each way."""
    rows = [
        element("div", element("dt", f"{name} ({split})"), *(element("dd", element("code", one)) for one in made))
        for name, split, made in scores.signatures()
    ]
    if rows:
        yield folded("Signatures of all scores", element("dl", *rows))
