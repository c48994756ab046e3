"""Sentences that share no word string with their translation: names and loans cannot give these away."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def word_strings(line: str) -> set[str]:
    """The words of a line: between white space, lower-cased, without the punctuation and symbols around them.

    What has no letter or digit is no word. Combining marks belong to the word; nothing is known of any language.
    """
    words = (_stripped(token) for token in line.lower().split())
    return {word for word in words if any(character.isalnum() for character in word)}


def shares_no_word(source: Sequence[str], target: Sequence[str]) -> npt.NDArray[np.bool_]:
    """[n]: for which i lines `source[i]` and `target[i]` have no word string in common."""
    return np.array(
        [word_strings(one).isdisjoint(word_strings(other)) for one, other in zip(source, target, strict=True)], bool
    )


def _stripped(token: str) -> str:
    first, last = 0, len(token)
    while first < last and not _in_word(token[first]):
        first += 1
    while last > first and not _in_word(token[last - 1]):
        last -= 1
    return token[first:last]


def _in_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")
