"""An HTML page's tree by Python's own parser: every tag closed where it must be, every id once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "col", "wbr", "input", "source", "area", "base", "embed", "track"}


@dataclass
class Node:
    """An element, its attributes as they are meant, its text and its children."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def all(self, tag: str, **attributes: str) -> Iterator[Node]:
        for child in self.children:
            if child.tag == tag and attributes.items() <= child.attributes.items():
                yield child
            yield from child.all(tag, **attributes)

    def one(self, tag: str, **attributes: str) -> Node:
        (found,) = self.all(tag, **attributes)
        return found

    @property
    def text(self) -> str:
        """All text inside, in order of the elements' ends."""
        return " ".join(filter(None, [" ".join(self.words), *(child.text for child in self.children)]))


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.top = Node("")
        self.open = [self.top]
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"<{tag}> has an attribute twice: {names}")
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1].tag != tag:
            self.faults.append(f"</{tag}> where </{self.open[-1].tag}> is due")
            return
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].words.append(data)


def tree(page: str) -> Node:
    """The page's elements; a page that is not well-formed fails the test that asks."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert parser.faults == []
    assert [node.tag for node in parser.open] == [""]
    ids = [node.attributes["id"] for node in _everything(parser.top) if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for table in parser.top.all("table"):
        widths = {sum(int(cell.attributes.get("colspan", 1)) for cell in row.children) for row in table.all("tr")}
        assert len(widths) == 1, f"rows of different length: {widths}"
    return parser.top


def _everything(node: Node) -> Iterator[Node]:
    for child in node.children:
        yield child
        yield from _everything(child)


def rows(table: Node) -> list[list[str]]:
    """The cells' text, row by row."""
    return [[" ".join(cell.text.split()) for cell in row.children] for row in table.all("tr")]
