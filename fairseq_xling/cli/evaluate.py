"""Score vectors, mined pairs or translations against gold; every number comes with the signature of how it was made.

  fairseq-xling evaluate tatoeba --source test.fur.npy --target test.eng.npy
  fairseq-xling evaluate tatoeba --folder tatoeba --encoder surface
  fairseq-xling evaluate xsim    --source dev.fur.npy --target dev.eng.npy --source-text dev.fur --target-text dev.eng
  fairseq-xling evaluate bucc    --candidates te.tsv --gold te.gold --tune-candidates tr.tsv --tune-gold tr.gold
  fairseq-xling evaluate pairs   --pairs pairs.tsv --source-ids mono.fur.ids --target-ids mono.eng.ids
  fairseq-xling evaluate translation --hypothesis out.eng --reference test.eng --source test.fur
  fairseq-xling evaluate translation --directions directions.tsv --metrics bleu chrf ter

Say `fairseq-xling evaluate WHAT --help` for the options of one; docs/evaluation.md defines every score.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from fairseq_xling.cli.evaluate_pairs import add_bucc, add_pairs, score_bucc, score_pairs
from fairseq_xling.cli.evaluate_tatoeba import add_tatoeba, score_tatoeba
from fairseq_xling.cli.evaluate_translation import add_translation, matrices, score_translation
from fairseq_xling.cli.evaluate_vectors import add_xsim, score_xsim
from fairseq_xling.cli.output import emit, emit_json, table

if TYPE_CHECKING:
    from fairseq_xling.evaluation.score import Score


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="what", metavar="WHAT", required=True, help="what to score, one of:")
    for name, (add, score, summary) in _KINDS.items():
        kind = kinds.add_parser(
            name, help=summary, description=score.__doc__, formatter_class=parser.formatter_class, allow_abbrev=False
        )
        add(kind)
        kind.add_argument(
            "--source-language", default="source", metavar="XX", help="how the source is called in the scores"
        )
        kind.add_argument(
            "--target-language", default="target", metavar="YY", help="how the target is called in the scores"
        )
        split = "mono" if name == "pairs" else "test"
        kind.add_argument("--split", default=split, metavar="NAME", help="the split's name, for the signature")
        kind.add_argument(
            "--json", action="store_true", help="print one JSON object with all scores instead of a table"
        )


def run(args: argparse.Namespace) -> int:
    scores = list(_KINDS[args.what][1](args))
    if args.json:
        emit_json({"scores": [score.record() for score in scores]})
    elif args.what == "translation" and args.directions:
        # Counts of that many texts would bury the scores; --json has them.
        means = [score for score in scores if score.pair == "*"]
        emit(f"{matrices(scores, args.directions)}\n\n{_table(means or scores)}")
    else:
        emit(_table(scores))
    return 0


def _table(scores: list[Score]) -> str:
    """One line a score; their signatures, which many share, follow by number."""
    made = list(dict.fromkeys(score.signature for score in scores))
    rows = [[s.pair, s.name, s.value, f"[{made.index(s.signature) + 1}]", _counts(s)] for s in scores]
    numbered = [f"[{place}] {text}" for place, text in enumerate(made, start=1)]
    return "\n".join([table(rows, ["pair", "score", "value", "how", "counts"]), "", *numbered])


def _counts(score: Score) -> str:
    """The counts in words; of pairs, what has a line of its own in the same table is left out."""
    elsewhere = ("precision", "recall") if score.name.startswith("pairs.") else ()
    shown = {name: value for name, value in score.counts.items() if name not in elsewhere and value is not None}
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}" for name, value in shown.items()
    )


Add = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace], "Iterable[Score]"]
_KINDS: dict[str, tuple[Add, Run, str]] = {
    "tatoeba": (add_tatoeba, score_tatoeba, "nearest neighbour accuracy of a test set's vectors"),
    "xsim": (add_xsim, score_xsim, "error of the best neighbour by margin"),
    "bucc": (add_bucc, score_bucc, "F1 of candidates against gold pairs, by two kinds of threshold"),
    "pairs": (add_pairs, score_pairs, "precision and recall of mined line pairs against concept numbers"),
    "translation": (
        add_translation,
        score_translation,
        "BLEU, chrF and TER of one text or of all directions",
    ),
}
