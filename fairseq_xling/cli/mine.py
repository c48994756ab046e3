"""Mine sentence pairs from two languages' monolingual text, by margin (Artetxe & Schwenk 2019).

  fairseq-xling mine --source ro.npy --target en.npy --output pairs.tsv
  fairseq-xling mine --source ro.txt --target en.txt --encoder surface --output pairs.tsv
  fairseq-xling mine --source ro.npy --target en.npy --source-text ro.txt --target-text en.txt --output pairs.tsv.gz

Every sentence's nearest neighbours in the other language are found exactly, in one pass for both directions (--index
names faster ways; their pairs carry them in the signature, and on stderr you see how many neighbours they find). A
pair's margin says how much nearer the two are to each other than to their neighbours; 1.06 and more (ratio) is usually
a translation. The output is sorted best first:

  score TAB source id TAB target id      ids are line numbers from 0; with --source-text and --target-text, the lines
                                         themselves; --retrieval all adds `forward` or `backward` and a rank from 0

Beside OUTPUT.tsv, OUTPUT.manifest.json keeps configuration, checksums and counts. On stderr you see how many pairs are
likely to be right, estimated without any gold (docs/mining.md), and the number of pairs that is safe to train on;
--suggested-cap keeps no more than that. Limits are applied in this order: --max-margin, --threshold, --min-count,
--max-count.

--memory-limit searches vectors that do not fit into memory, --workers by several processes. Both, and --resume, keep
finished parts beside the output (in OUTPUT.tiles/, until all is done): after a kill the same command with --resume goes
on from there. The pairs are the same in all cases.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairseq_xling.cli.inputs import Sides, add_sides, read_sides
from fairseq_xling.cli.options import add_config, config_from
from fairseq_xling.cli.output import emit_json, note, progress
from fairseq_xling.errors import CorpusError, XlingError
from fairseq_xling.files import Manifest, sha256_file, write_manifest
from fairseq_xling.mining.config import MiningConfig
from fairseq_xling.signatures import joined
from fairseq_xling.vectors import open_vectors

if TYPE_CHECKING:
    from fairseq_xling.neighbours.fellows import Fellows
    from fairseq_xling.neighbours.outofcore import Tiling


_SHARED_FROM = 1e10  # multiply-adds; a search of fewer is over before another process has loaded


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_mining(parser)
    parser.add_argument("--resume", action="store_true", help="keep finished parts of the search, and go on with them")


def add_mining(parser: argparse.ArgumentParser, leaving_out: tuple[str, ...] = ()) -> None:
    """The options that `mine` shares with `tiles merge`, which leaves some out."""
    add_sides(parser)
    parser.add_argument("--output", required=True, metavar="O.tsv", help="the pairs; compressed if named .gz")
    parser.add_argument("--json", action="store_true", help="print counts, quality and signature as JSON on stdout")
    parser.add_argument("--ids", action="store_true", help="write ids even where the texts are given (for --unify)")
    names = [field.name for field in fields(MiningConfig) if field.name not in leaving_out]
    add_config(parser.add_argument_group("mining"), MiningConfig, only=names)


def run(args: argparse.Namespace) -> int:
    return mine(args, ())


def mine(args: argparse.Namespace, tiles: tuple[Path, ...]) -> int:
    """Search, unless these folders of `tiles` hold all that a search finds, then select and write."""
    from fairseq_xling.mining.pairs import refuse_tabs

    started = time.perf_counter()
    config = config_from(args, MiningConfig)
    writable(args.output)
    with contextlib.ExitStack() as stack:
        fellows = stack.enter_context(_fellows(args, 1 if tiles else config.workers))
        sides = read_sides(args)
        written = None if args.ids else sides.written
        if written:
            refuse_tabs(args.source_text, written[0])
            refuse_tabs(args.target_text, written[1])
        check_lines(sides, args)
        tiling = _tiling(args, config, sides, tiles, fellows)
        if tiling and not tiles:
            stack.enter_context(_said_when_cut_short(tiling.folder))
        return _mined(args, config, sides, written, tiling, started)


def _mined(
    args: argparse.Namespace,
    config: MiningConfig,
    sides: Sides,
    written: tuple[Sequence[str], Sequence[str]] | None,
    tiling: Tiling | None,
    started: float,
) -> int:
    from fairseq_xling.mining.mine import mine_pairs
    from fairseq_xling.mining.quality import Quality
    from fairseq_xling.mining.summary import histogram, summary_lines

    with progress(sides.source.shape[0] * sides.target.shape[0], "pair", "mine") as bar:
        pairs = mine_pairs(sides.source, sides.target, config, sides.texts, bar.update, tiling)
    if sides.encoder:
        pairs = replace(pairs, signature=joined(sides.encoder, pairs.signature))
    manifest_path = manifest_beside(args.output)
    manifest_path.unlink(missing_ok=True)  # an old one must not vouch for the new file
    pairs.write(args.output, *(written or ()))
    facts = {"signature": pairs.signature, **pairs.facts, "histogram": histogram(pairs.scores)}
    if Path(args.output).is_file():
        outputs = {Path(args.output).name: sha256_file(args.output)}
        seconds = round(time.perf_counter() - started, 3)
        manifest = Manifest("pairs", _decisive(config, sides, facts), sides.inputs, outputs, facts, seconds)
        write_manifest(manifest_path, manifest)
    if tiling and not tiling.finished:
        shutil.rmtree(tiling.folder)
    for line in summary_lines(pairs, Quality(**facts["quality"]).line):
        note(line)
    if args.json:
        emit_json({"output": args.output, **facts})
    return 0


def _fellows(args: argparse.Namespace, workers: int) -> Fellows:
    """The other workers; none where there are no vectors, or so few that others would come too late."""
    from fairseq_xling.neighbours.fellows import Fellows

    if args.encoder or workers == 1:
        return Fellows(0)
    try:
        (n, dim), (m, _) = (open_vectors(path, args.dim).shape for path in (args.source, args.target))
    except (XlingError, OSError):  # as reading the sides will say
        return Fellows(0)
    return Fellows(workers - 1 if n * m * dim >= _SHARED_FROM else 0)


@contextlib.contextmanager
def _said_when_cut_short(folder: Path) -> Iterator[None]:
    """The folder of tiles is this command's until it ends; what is in it after an interrupt or a full disk is said."""
    from fairseq_xling.neighbours.outofcore import kept

    with kept(folder):
        try:
            yield
        except (KeyboardInterrupt, SystemExit, OSError):  # Ctrl-C, and what a scheduler sends
            if finished := len(list(folder.glob("tile-*"))):
                note(f"{finished} finished tiles are in {folder}: the same command with --resume goes on with them")
            raise


def _tiling(
    args: argparse.Namespace, config: MiningConfig, sides: Sides, tiles: tuple[Path, ...], fellows: Fellows
) -> Tiling | None:
    """Where finished parts are kept; None for a search in one piece, which keeps none."""
    if not (tiles or args.resume or config.memory_limit or config.workers > 1):
        return None
    from fairseq_xling.neighbours.outofcore import Tiling

    folder = tiles_beside(args.output)
    hashes = sides.inputs[args.source], sides.inputs[args.target]
    return Tiling(folder, hashes, bool(args.resume), tiles, note, fellows)


def check_lines(sides: Sides, args: argparse.Namespace) -> None:
    """Rows against lines, both sides, before any work."""
    if sides.written is None:
        return
    for vectors, lines, name, text in (
        (sides.source, sides.written[0], args.source, args.source_text),
        (sides.target, sides.written[1], args.target, args.target_text),
    ):
        if vectors.shape[0] != len(lines):
            raise CorpusError(
                f"{name} has {vectors.shape[0]} rows, but {text} has {len(lines)} lines. Encode that very text again."
            )


def writable(output: str) -> None:
    """Refuse an impossible output before hours of work, not after."""
    path = Path(output)
    if path.is_dir():
        raise CorpusError(f"{path} is a directory. Name a file with --output.")
    if not path.parent.is_dir():
        raise CorpusError(f"{path.parent} is not a directory. Create it, or name another --output.")


def manifest_beside(output: str) -> Path:
    """`pairs.tsv` and `pairs.tsv.gz` have `pairs.manifest.json` beside them."""
    path = Path(output)
    name = path.name.removesuffix(".gz").removesuffix(".tsv")
    return path.with_name(f"{name}.manifest.json")


def tiles_beside(output: str) -> Path:
    """The folder of finished tiles, while the search lasts."""
    return manifest_beside(output).with_suffix("").with_suffix(".tiles")


def _decisive(config: MiningConfig, sides: Sides, facts: dict[str, Any]) -> dict[str, Any]:
    """The configuration as far as it decides the pairs."""
    indifferent = ("precision", "device", "threads", "memory_limit", "workers", "skip_quality")
    values = {name: value for name, value in asdict(config).items() if name not in indifferent}
    values["threshold"] = config.effective_threshold
    values["index"] = facts["search"]["index"]  # what --index auto came to
    if sides.encoder:
        values["encoder"] = sides.encoder
    return values
