"""Which tokens of a sentence pair align, and how well that agrees with a gold word alignment."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fairseq_xling.errors import CorpusError
from fairseq_xling.evaluation.score import Score, extended
from fairseq_xling.evaluation.tokens import TokenStates
from fairseq_xling.files import iterate_lines
from fairseq_xling.signatures import joined

Bool = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Links = frozenset[tuple[int, int]]
COMBINATIONS = ("intersect", "union", "forward", "backward")


@dataclass(frozen=True)
class Gold:
    """Links of words of one sentence pair (Och & Ney 2003): the sure ones, and all that are possible."""

    sure: Links
    possible: Links


def token_cosines(source: Float32, target: Float32) -> Float32:
    """[n, dim] and [m, dim] states to the cosines [n, m]; a state of length 0 is like none."""
    sides = [side / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-30) for side in (source, target)]
    cosines: Float32 = (sides[0] @ sides[1].T).astype(np.float32)
    return cosines


def aligned_tokens(cosines: Float32, combine: str = "intersect") -> Bool:
    """[n, m]: each source token names its nearest target token and the other way round; ties go to the first.

    `intersect` are the pairs that name each other (argmax both ways: SimAlign's "Argmax", Jalili Sabet et al. 2020).
    """
    forward, backward = (np.zeros(cosines.shape, bool) for _ in range(2))
    if cosines.size:
        forward[np.arange(len(cosines)), cosines.argmax(axis=1)] = True
        backward[cosines.argmax(axis=0), np.arange(cosines.shape[1])] = True
    found = {"intersect": forward & backward, "union": forward | backward, "forward": forward, "backward": backward}
    return found[combine]


def aligned_words(source: TokenStates, target: TokenStates, combine: str = "intersect") -> list[Links]:
    """The links of each sentence pair: two words are linked where any of their tokens are aligned."""
    if len(source) != len(target):
        raise CorpusError(f"the source has {len(source)} lines, but the target has {len(target)}. Align them.")
    found = []
    for number in range(len(source)):
        here, there = source.line(number), target.line(number)
        pairs = np.argwhere(aligned_tokens(token_cosines(source.states[here], target.states[there]), combine))
        words = source.words[here][pairs[:, 0]], target.words[there][pairs[:, 1]]
        found.append(frozenset(zip(words[0].tolist(), words[1].tolist(), strict=True)))
    return found


def read_alignment(path: str | os.PathLike[str], first: int = 0) -> list[Gold]:
    """Pharaoh's format: a line a sentence pair, `i-j` for a sure link and `i?j` or `ipj` for a possible one.

    `first` is the number of a sentence's first word in the file.
    """
    found = []
    for number, line in enumerate(iterate_lines(path), start=1):
        links: dict[str, set[tuple[int, int]]] = {"sure": set(), "possible": set()}
        for word in line.split():
            match = re.fullmatch(r"(\d+)([-?p])(\d+)", word)
            if match is None or min(int(match[1]), int(match[3])) < first:
                raise CorpusError(f"{path}:{number}: `{word}` is not a link i-j or i?j of words from {first}.")
            link = (int(match[1]) - first, int(match[3]) - first)
            links["possible"].add(link)
            if match[2] == "-":
                links["sure"].add(link)
        found.append(Gold(frozenset(links["sure"]), frozenset(links["possible"])))
    return found


def alignment_scores(
    links: Sequence[Links], gold: Sequence[Gold], made: str | None, pair: str = "*", split: str = "test"
) -> list[Score]:
    """alignment.aer, .precision, .recall over all sentence pairs together (Och & Ney 2003, section 6).

    precision |A∩P|/|A|, recall |A∩S|/|S|, AER 1 - (|A∩S| + |A∩P|)/(|A| + |S|), where it is low for good ones.
    """
    if len(links) != len(gold):
        raise CorpusError(f"{len(links)} sentence pairs, but {len(gold)} lines of gold alignments. Align the files.")
    given, sure = sum(map(len, links)), sum(len(one.sure) for one in gold)
    sure_hits = sum(len(ours & one.sure) for ours, one in zip(links, gold, strict=True))
    hits = sum(len(ours & one.possible) for ours, one in zip(links, gold, strict=True))
    if not sure:
        raise CorpusError("the gold alignments have no sure link, so that there is no recall. Write sure ones as i-j.")
    counts = {"links": given, "sure": sure, "found": sure_hits, "allowed": hits, "pairs": len(gold)}
    values = {
        "aer": 1 - (sure_hits + hits) / (given + sure),
        "precision": hits / given if given else 0.0,
        "recall": sure_hits / sure,
    }
    signature = extended(made, split=split)
    return [Score(f"alignment.{name}", value, signature, pair, counts) for name, value in values.items()]


def both_signatures(source: TokenStates, target: TokenStates, combine: str) -> str:
    """Where the links come from."""
    same = source.signature == target.signature
    return extended(source.signature if same else joined(source.signature, target.signature), combine=combine)


def pharaoh(links: Links) -> str:
    """`0-0 1-2`, in order."""
    return " ".join(f"{i}-{j}" for i, j in sorted(links))
