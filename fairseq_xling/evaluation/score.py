"""A number that knows what it is: name, languages, value, the counts behind it and how it was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairseq_xling.signatures import parse_signature, signature


@dataclass(frozen=True)
class Score:
    """`value` is in 0..1 (BLEU and chrF excepted); `pair` is directed `xx-yy`, or `*` for a mean over directions.

    The signature names margin, split and where a threshold came from; two values may be compared only where it agrees.
    """

    name: str
    value: float
    signature: str
    pair: str = "*"
    counts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def split(self) -> str:
        return parse_signature(self.signature).get("split", "none")

    def record(self) -> dict[str, Any]:
        """The fields of a line of scores.jsonl, the counts beside them."""
        return {
            "pair": self.pair,
            "name": self.name,
            "value": self.value,
            "split": self.split,
            "signature": self.signature,
            "counts": dict(self.counts),
        }

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {_plain(value)}" for name, value in self.counts.items())
        return f"{self.pair} {self.name} = {self.value:.4f}{f' ({counts})' if counts else ''} {self.signature}"


def extended(made: str | None, **fields: Any) -> str:
    """The signature of a score on top of `made`, that of the vectors or pairs scored.

    A name that both have is kept from `made` as `mined-NAME`: its threshold is another than the score's.
    """
    base = parse_signature(made) if made else {}
    base.pop("xling", None)
    return signature(**{f"mined-{name}" if name in fields else name: value for name, value in base.items()}, **fields)


def with_means(scores: Iterable[Score]) -> list[Score]:
    """The scores, and for each name that several of them bear their plain mean, as `*`."""
    directed = list(scores)
    means = []
    for name in dict.fromkeys(score.name for score in directed):
        alike = [score for score in directed if score.name == name]
        if len(alike) > 1:
            value = sum(score.value for score in alike) / len(alike)
            means.append(Score(name, value, common_signature(alike), "*", {"directions": len(alike)}))
    return directed + means


def common_signature(scores: Sequence[Score]) -> str:
    """Their signature, `various` where they differ."""
    fields = [parse_signature(score.signature) for score in scores]
    names = [name for name in dict.fromkeys(name for some in fields for name in some) if name != "xling"]
    values = {name: {some.get(name) for some in fields} for name in names}
    return signature(**{name: "various" if len(found) > 1 else found.pop() for name, found in values.items()})


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
