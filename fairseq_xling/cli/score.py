"""Score given sentence pairs by margin, against the neighbours of both whole texts.

  fairseq-xling score --source ro.npy --target en.npy --output scores.tsv                line i with line i
  fairseq-xling score --source ro.npy --target en.npy --pairs pairs.tsv --output scores.tsv

The output has one line per pair, in the order given: margin TAB source id TAB target id (ids are line numbers from 0),
or the lines themselves with --source-text and --target-text. Use it to clean a bitext: true translations score well
above 1 (ratio), misaligned lines around 1.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fairseq_xling.cli.inputs import add_sides, read_sides
from fairseq_xling.cli.mine import check_lines, manifest_beside, writable
from fairseq_xling.cli.options import add_config
from fairseq_xling.cli.output import emit_json, note, progress
from fairseq_xling.configs import read_config
from fairseq_xling.errors import CorpusError
from fairseq_xling.files import Manifest, sha256_file, write_manifest
from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.signatures import joined, signature

_USED = ("margin", "mining_k", "unify", "compat", "precision", "threads")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_sides(parser)
    parser.add_argument("--pairs", metavar="P.tsv", help="pairs of ids, as mine writes them (default: i with i)")
    parser.add_argument("--output", required=True, metavar="O.tsv", help="the scores; compressed if named .gz")
    parser.add_argument("--json", action="store_true", help="print counts and signature as JSON on stdout")
    add_config(parser.add_argument_group("margin"), MiningConfig, only=_USED)


def run(args: argparse.Namespace) -> int:
    import numpy as np

    from fairseq_xling.mining.mine import score_pairs
    from fairseq_xling.mining.pairs import MinedPairs, read_pairs, refuse_tabs

    config = read_config(MiningConfig, {name: getattr(args, name) for name in _USED}, "options")
    writable(args.output)
    sides = read_sides(args)
    check_lines(sides, args)
    if args.pairs:
        given = read_pairs(args.pairs)
        ids = given.source_ids, given.target_ids
        sides.inputs[args.pairs] = sha256_file(args.pairs)
    else:
        n, m = sides.source.shape[0], sides.target.shape[0]
        if n != m:
            raise CorpusError(
                f"{args.source} has {n} lines and {args.target} has {m}, so line i cannot be paired with line i. "
                "Name the pairs with --pairs."
            )
        ids = np.arange(n), np.arange(n)
    if sides.written:
        refuse_tabs(args.source_text, sides.written[0], ids[0])
        refuse_tabs(args.target_text, sides.written[1], ids[1])
    with progress(sides.source.shape[0] * sides.target.shape[0], "pair", "score") as bar:
        scores = score_pairs(sides.source, sides.target, ids, config, sides.texts, bar.update)
    text = signature(margin=config.margin, k=config.mining_k, unify=config.unify, compat=config.compat)
    text = joined(sides.encoder, text) if sides.encoder else text
    manifest_path = manifest_beside(args.output)
    manifest_path.unlink(missing_ok=True)
    MinedPairs(scores, *ids).write(args.output, *(sides.written or ()))
    facts = {"pairs": len(scores), "mean": float(scores.mean()) if len(scores) else None, "signature": text}
    if Path(args.output).is_file():
        outputs = {Path(args.output).name: sha256_file(args.output)}
        write_manifest(manifest_path, Manifest("scores", {"signature": text}, sides.inputs, outputs, facts))
    note(f"{len(scores)} pairs scored\n{text}")
    if args.json:
        emit_json({"output": args.output, **facts})
    return 0
