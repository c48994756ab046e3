from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from references.wellformed import tree

from fairseq_xling.report.markup import Html, corpus_text, count, element, escaped, folded, number, span_of, together


class Texts(HTMLParser):
    """What a browser would show, and the tags it would see."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shown, self.tags = "", list[str]()
        self.feed(page)
        self.close()

    def handle_data(self, data: str) -> None:
        self.shown += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Cs"])))
def test_any_text_stays_text(text: str) -> None:
    read = Texts(element("p", text))
    assert read.tags == ["p"]
    assert read.shown == text


@given(st.text())
def test_any_text_stays_one_attribute(text: str) -> None:
    node = tree(element("p", title=text)).one("p")
    assert list(node.attributes) == ["title"]


def test_controls_and_what_no_page_may_hold_are_replaced() -> None:
    assert escaped("a\x00b\x1bc\ufffed\te\n") == "a\ufffdb\ufffdc\ufffdd\te\n"


def test_elements() -> None:
    assert element("p", "a < b", element("b", "c"), class_="x", aria_label='"y"') == (
        '<p class="x" aria-label="&quot;y&quot;">a &lt; b<b>c</b></p>'
    )
    assert element("meta", name="n", content="c", open=False, other=None) == '<meta name="n" content="c">'
    assert element("details", open=True) == "<details open></details>"
    assert together("<", None, Html("<br>"), False, 0) == "&lt;<br>0"
    with pytest.raises(ValueError, match="<br> holds nothing"):
        element("br", "text")


def test_folded_is_closed_unless_asked() -> None:
    assert folded("s", "t") == "<details><summary>s</summary>t</details>"
    assert folded("s", open_=True) == "<details open><summary>s</summary></details>"


def test_corpus_text() -> None:
    assert corpus_text("<i>") == '<bdi dir="auto">&lt;i&gt;</bdi>'
    assert corpus_text("word " * 100, 12) == '<bdi dir="auto">word word wo …</bdi>'
    assert "(an empty line)" in corpus_text("")


@pytest.mark.parametrize(
    ("value", "text"), [(0.25, "0.2"), (-0.04, "0.0"), (-1.25, "\u22121.2"), (100, "100.0"), (0, "0.0")]
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_counts() -> None:
    assert [count(value) for value in (0, 999, 1234567)] == ["0", "999", "1\u202f234\u202f567"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3600, "1 h 00 min"), (100000, "1 d 03 h")],
)
def test_spans(seconds: float, text: str) -> None:
    assert span_of(seconds) == text
