"""Files of sentence pairs: TSV, a Moses pair of files, TMX; `.gz` by name, streamed, not one character changed."""

from __future__ import annotations

import gzip
import itertools
import math
import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from fairseq_xling import __version__
from fairseq_xling.errors import CorpusError
from fairseq_xling.files import atomic_write, iterate_lines, open_binary

AnyPath = str | os.PathLike[str]

# XML 1.0, production 2: what no escape can carry.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# TMX 1.4b, section 2.2: elements whose content is markup of the original document, not text.
_TMX_CODES = {"bpt", "ept", "it", "ph", "ut"}
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


class SentencePair(NamedTuple):
    """A source sentence, its target sentence and, where it was mined, its score."""

    source: str
    target: str
    score: float | None = None


def iterate_tsv(path: AnyPath) -> Iterator[SentencePair]:
    """`source TAB target`, or `score TAB source TAB target`; the first line decides for the whole file."""
    width = 0
    for number, line in enumerate(iterate_lines(path), start=1):
        cells = line.split("\t")
        width = width or len(cells)
        if len(cells) != width or width not in (2, 3):
            rule = "source TAB target" if width == 2 else "score TAB source TAB target"
            raise CorpusError(
                f"{path}:{number}: {len(cells)} columns instead of `{rule}`. A TAB inside a sentence must be replaced."
            )
        yield SentencePair(cells[-2], cells[-1], _score(path, number, cells[0]) if width == 3 else None)


def _score(path: AnyPath, number: int, text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if math.isnan(score):
        raise CorpusError(
            f"{path}:{number}: the score `{text}` is not a number. Lines are `score TAB source TAB target`."
        )
    return score


def iterate_moses(source_path: AnyPath, target_path: AnyPath) -> Iterator[SentencePair]:
    """Line i of one file with line i of the other; files of different length are the user's error."""
    source_lines, target_lines = iterate_lines(source_path), iterate_lines(target_path)
    for number, (source, target) in enumerate(itertools.zip_longest(source_lines, target_lines), start=1):
        if source is None or target is None:
            longer, shorter = (target_path, source_path) if source is None else (source_path, target_path)
            raise CorpusError(
                f"{shorter} ends after line {number - 1}, but {longer} goes on. Give files that belong together."
            )
        yield SentencePair(source, target)


def iterate_tmx(path: AnyPath, source_language: str, target_language: str) -> Iterator[SentencePair]:
    """The first variant in each language of every translation unit that has both; inline markup is left out.

    A language matches its own code in any case, or a more special one: `en` matches `EN-us`.
    """
    seen, yielded = set[str](), False
    for unit in _tmx_units(path):
        variants = dict[str, str]()
        for variant in _children(unit, "tuv"):
            language = variant.get(_XML_LANG) or variant.get("lang") or ""
            segments = [_segment_text(segment) for segment in _children(variant, "seg")]
            if segments:
                variants.setdefault(language, segments[0])
        seen.update(variants)
        source, target = (_variant(variants, language) for language in (source_language, target_language))
        if source is not None and target is not None:
            yielded = True
            yield SentencePair(source, target, _unit_score(path, unit))
    if seen and not yielded:
        raise CorpusError(
            f"{path} has no unit in both {source_language} and {target_language}, only {', '.join(sorted(seen))}. "
            "Give two of these codes."
        )


def _tmx_units(path: AnyPath) -> Iterator[ElementTree.Element]:
    """One `tu` element at a time; it is forgotten when the next is asked for."""
    try:
        with open_binary(path) as stream:
            events = ElementTree.iterparse(stream, events=("start", "end"))
            _, root = next(events)
            if _name(root) != "tmx":
                raise CorpusError(f"{path} is not TMX: its outermost element is <{_name(root)}>. Give a .tmx file.")
            holder = root
            for event, element in events:
                if _name(element) == "body":
                    holder = element
                elif event == "end" and _name(element) == "tu":
                    yield element
                    holder.clear()
    except ElementTree.ParseError as fault:
        line = fault.position[0]
        raise CorpusError(f"{path}:{line}: not well-formed XML ({fault}). Mend or download the file again.") from fault
    except (EOFError, gzip.BadGzipFile) as fault:
        raise CorpusError(f"{path} is not a complete gzip file ({fault}). Copy or compress it again.") from fault


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [child for child in element if _name(child) == name]


def _segment_text(element: ElementTree.Element) -> str:
    parts = [element.text or ""]
    for child in element:
        if _name(child) not in _TMX_CODES:
            parts.append(_segment_text(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _variant(variants: dict[str, str], language: str) -> str | None:
    wanted = _plain_code(language)
    exact = (text for code, text in variants.items() if _plain_code(code) == wanted)
    special = (text for code, text in variants.items() if _plain_code(code).startswith(wanted + "-"))
    return next(itertools.chain(exact, special), None)


def _plain_code(code: str) -> str:
    return code.replace("_", "-").lower()


def _unit_score(path: AnyPath, unit: ElementTree.Element) -> float | None:
    for prop in _children(unit, "prop"):
        if prop.get("type") == "score":
            try:
                return float(prop.text or "")
            except ValueError as fault:
                raise CorpusError(
                    f"{path}: a unit's score `{prop.text}` is not a number. Mend or remove it."
                ) from fault
    return None


def write_tsv(path: AnyPath, pairs: Iterable[SentencePair]) -> int:
    """`score TAB source TAB target` where pairs have scores, else `source TAB target`; returns how many."""
    number, scored = 0, None
    with atomic_write(path) as stream:
        for number, pair in enumerate(pairs, start=1):
            for side, text in (("source", pair.source), ("target", pair.target)):
                if "\t" in text:
                    raise CorpusError(
                        f"{path}:{number}: the {side} sentence holds a TAB, which a TSV cannot carry. "
                        "Replace it by a space."
                    )
            source, target = _one_line(path, number, pair)
            if scored is not None and scored != (pair.score is not None):
                raise CorpusError(f"{path}:{number}: some pairs have a score and some have not. Write two files.")
            scored = pair.score is not None
            stream.write(f"{source}\t{target}\n" if pair.score is None else f"{pair.score:.7f}\t{source}\t{target}\n")
    return number


def write_moses(source_path: AnyPath, target_path: AnyPath, pairs: Iterable[SentencePair]) -> int:
    """Two files in step; returns how many pairs. Scores have no place in this format."""
    number = 0
    with atomic_write(source_path) as source_stream, atomic_write(target_path) as target_stream:
        for number, pair in enumerate(pairs, start=1):
            source, target = _one_line(source_path, number, pair)
            source_stream.write(source + "\n")
            target_stream.write(target + "\n")
    return number


def _one_line(path: AnyPath, number: int, pair: SentencePair) -> tuple[str, str]:
    for side, text in (("source", pair.source), ("target", pair.target)):
        if "\n" in text:
            raise CorpusError(
                f"{path}:{number}: the {side} sentence holds a line break. Replace it by a space, or write TMX."
            )
    return pair.source, pair.target


def write_tmx(path: AnyPath, pairs: Iterable[SentencePair], source_language: str, target_language: str) -> int:
    """TMX 1.4, one unit a pair, the score as its property `score`; returns how many."""
    number = 0
    source_code, target_code = quoteattr(source_language), quoteattr(target_language)
    with atomic_write(path) as stream:
        stream.write('<?xml version="1.0" encoding="UTF-8"?>\n<tmx version="1.4">\n')
        stream.write(
            f'<header creationtool="fairseq-xling" creationtoolversion="{__version__}" segtype="sentence" '
            f'o-tmf="plain text" adminlang="en" datatype="plaintext" srclang={source_code}/>\n<body>\n'
        )
        for number, pair in enumerate(pairs, start=1):
            score = "" if pair.score is None else f'<prop type="score">{pair.score:.7f}</prop>'
            source, target = (_escaped(path, number, text) for text in (pair.source, pair.target))
            stream.write(
                f"<tu>{score}<tuv xml:lang={source_code}><seg>{source}</seg></tuv>"
                f"<tuv xml:lang={target_code}><seg>{target}</seg></tuv></tu>\n"
            )
        stream.write("</body>\n</tmx>\n")
    return number


def _escaped(path: AnyPath, number: int, text: str) -> str:
    if impossible := _NOT_XML.search(text):
        raise CorpusError(
            f"{path}: pair {number} holds U+{ord(impossible.group()):04X}, which XML cannot carry. "
            "Remove control characters first (step `controls` of normalisation)."
        )
    # A bare carriage return would be read back as a newline.
    return escape(text, {"\r": "&#13;"})
