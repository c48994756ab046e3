"""Score vectors, mined pairs or translations against gold; every number comes with the signature of how it was made.

  fairseq-xling evaluate tatoeba --source test.fur.npy --target test.eng.npy
  fairseq-xling evaluate tatoeba --folder tatoeba --encoder surface
  fairseq-xling evaluate xsim    --source dev.fur.npy --target dev.eng.npy --source-text dev.fur --target-text dev.eng
  fairseq-xling evaluate bucc    --candidates te.tsv --gold te.gold --tune-candidates tr.tsv --tune-gold tr.gold
  fairseq-xling evaluate pairs   --pairs pairs.tsv --source-ids mono.fur.ids --target-ids mono.eng.ids
  fairseq-xling evaluate xsim++  --encoder surface --source fra_Latn.devtest --target eng_Latn.devtest \\
                                 --augmented eng_Latn_augmented.devtest --augmented-types eng_Latn_errtype.devtest.json
  fairseq-xling evaluate matrix  --folder flores200 --split devtest --vectors vectors --svg matrix.svg
  fairseq-xling evaluate layers  --layer 0=fur.0,eng.0 6=fur.6,eng.6 12=fur.12,eng.12 --svg layers.svg
  fairseq-xling evaluate shuffle --input test.fur --output shuffled.fur
  fairseq-xling evaluate alignment --source fur.npz --target eng.npz --gold fur-eng.gold --svg line-1.svg
  fairseq-xling evaluate pca     --vectors fur=fur.vec lij=lij.vec eng=eng.vec --svg pca.svg
  fairseq-xling evaluate translation --hypothesis out.eng --reference test.eng --source test.fur
  fairseq-xling evaluate translation --directions directions.tsv --metrics bleu chrf ter

Say `fairseq-xling evaluate WHAT --help` for the options of one; docs/evaluation.md defines every score.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from fairseq_xling.cli.evaluate_augmented import add_augmented, score_augmented
from fairseq_xling.cli.evaluate_languages import (
    add_layers,
    add_matrix,
    add_shuffle,
    matrix_pairs,
    score_layers,
    score_matrix,
    score_shuffle,
)
from fairseq_xling.cli.evaluate_pairs import add_bucc, add_pairs, score_bucc, score_pairs
from fairseq_xling.cli.evaluate_states import add_alignment, add_pca, score_alignment, score_pca
from fairseq_xling.cli.evaluate_tatoeba import add_tatoeba, score_tatoeba
from fairseq_xling.cli.evaluate_translation import add_translation, direction_pairs, score_translation
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
        if name not in _WITHOUT_PAIR:
            _add_languages(kind)
        split = "mono" if name == "pairs" else "test"
        if name != "shuffle":
            kind.add_argument("--split", default=split, metavar="NAME", help="the split's name, for the signature")
        kind.add_argument(
            "--json", action="store_true", help="print one JSON object with all scores instead of a table"
        )


def _add_languages(kind: argparse.ArgumentParser) -> None:
    for side, code in (("source", "XX"), ("target", "YY")):
        meaning = f"how the {side} is called in the scores"
        kind.add_argument(f"--{side}-language", default=side, metavar=code, help=meaning)


def run(args: argparse.Namespace) -> int:
    scores = list(_KINDS[args.what][1](args))
    if args.json:
        emit_json({"scores": [score.record() for score in scores]})
    elif pairs := _many_pairs(args):
        # Counts of that many texts would bury the scores; --json has them.
        means = [score for score in scores if score.pair == "*"]
        emit(f"{matrices(scores, pairs)}\n\n{_table(means or scores)}")
    elif scores:
        emit(_table(scores))
    return 0


def _many_pairs(args: argparse.Namespace) -> list[tuple[str, str]]:
    """The language pairs of what is better shown as a matrix."""
    if args.what == "matrix":
        return matrix_pairs(args)
    return direction_pairs(args.directions) if args.what == "translation" and args.directions else []


def matrices(scores: Iterable[Score], pairs: Iterable[tuple[str, str]]) -> str:
    """For each name a table of source languages by target languages: percent, or BLEU and chrF as they are."""
    languages = {"-".join(pair): pair for pair in pairs}
    directed = [score for score in scores if score.pair in languages]
    parts = []
    for name in dict.fromkeys(score.name for score in directed):
        scale = 100 if "accuracy" in name else 1
        values = {score.pair: f"{scale * score.value:.2f}" for score in directed if score.name == name}
        sides = [languages[pair] for pair in values]
        rows, columns = ([*dict.fromkeys(side[place] for side in sides)] for place in (0, 1))
        # The same order on both sides, so that the diagonal is one.
        columns = sorted(columns, key=lambda code: rows.index(code) if code in rows else len(rows))
        title = f"{name}, %" if scale == 100 else name
        cells = [[title, *columns], *([row, *(values.get(f"{row}-{to}", "") for to in columns)] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = (
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
            for row in cells
        )
        parts.append("\n".join("  ".join(line).rstrip() for line in lines))
    return "\n\n".join(parts)


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
_WITHOUT_PAIR = ("matrix", "shuffle", "pca")
_KINDS: dict[str, tuple[Add, Run, str]] = {
    "tatoeba": (add_tatoeba, score_tatoeba, "nearest neighbour accuracy of a test set's vectors"),
    "xsim": (add_xsim, score_xsim, "error of the best neighbour by margin"),
    "xsim++": (add_augmented, score_augmented, "xSIM among made-up sentences that are nearly the translation"),
    "matrix": (add_matrix, score_matrix, "accuracy between all languages of a folder, as a heat-map"),
    "layers": (add_layers, score_layers, "accuracy of each encoder layer's vectors, as a curve"),
    "shuffle": (add_shuffle, score_shuffle, "write the shuffled-word control of a text"),
    "alignment": (add_alignment, score_alignment, "which tokens of sentence pairs align, against gold links"),
    "pca": (add_pca, score_pca, "a picture of several languages' vectors, and how far apart they lie"),
    "bucc": (add_bucc, score_bucc, "F1 of candidates against gold pairs, by two kinds of threshold"),
    "pairs": (add_pairs, score_pairs, "precision and recall of mined line pairs against concept numbers"),
    "translation": (add_translation, score_translation, "BLEU, chrF and TER of one text or of all directions"),
}
