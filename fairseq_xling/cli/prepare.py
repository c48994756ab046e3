"""Raw text to what fairseq trains on: pieces, dictionary, binarised data.

  fairseq-xling prepare --langs en_XX,ro_RO --mono en_XX=en.txt --mono ro_RO=ro.txt --output data
  fairseq-xling prepare --langs en_XX,ro_RO --pairs assembled --spm M --dict D.txt --output data

OUTPUT becomes, whole or not at all,
  dict.txt  spm.model            the dictionary with [code] tokens and <mask>, and the SentencePiece model
  en_XX/train.bin valid.bin …    of --mono, for fairseq's multilingual_denoising (--langs … --add-lang-token)
  train.en_XX-ro_RO.en_XX.bin …  of --pairs, for the task criss; test sets too where the folder has them
  manifest.json                  how many sentences, tokens and unknown pieces; checksums

Without --spm a SentencePiece model is trained on the --mono files and the training pairs, and on nothing else; without
--dict all its pieces become the dictionary. To train further with a model that exists, give both of its files and its
languages in its order. Validation lines of --mono are drawn at random. Lines without any piece are left out, pairs
with such a side too, but never of a test set.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fairseq_xling.cli.models import quiet_fairseq
from fairseq_xling.cli.options import add_config, config_from
from fairseq_xling.cli.output import emit_json, note, progress, table
from fairseq_xling.configs import at_least, unknown
from fairseq_xling.errors import ConfigError
from fairseq_xling.files import MANIFEST, Manifest, finished_directory, sha256_file, write_manifest
from fairseq_xling.languages import parse_languages
from fairseq_xling.mining.assemble import AssemblyConfig
from fairseq_xling.text.pieces import PiecesConfig

_SAMPLE = ("validation", "validation_share", "seed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--langs", required=True, metavar="CODES", help="all languages in the model's order: en_XX,ro_RO"
    )
    parser.add_argument(
        "--mono", action="append", default=[], metavar="xx=FILE", help="monolingual text of a language; repeat it"
    )
    parser.add_argument("--pairs", nargs="+", default=[], metavar="DIR", help="folders that assemble wrote")
    parser.add_argument(
        "--bitext",
        nargs=3,
        action="append",
        default=[],
        metavar=("xx-yy", "SOURCE", "TARGET"),
        help="training pairs in two files: line i of one translates line i of the other; repeat it",
    )
    parser.add_argument("--spm", metavar="M", help="use this SentencePiece model (default: train one)")
    parser.add_argument("--dict", metavar="D.txt", help="use this dictionary (default: the pieces of the model)")
    parser.add_argument("--output", required=True, metavar="DIR", help="the directory to make, whole or not at all")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes, each binarises a text")
    parser.add_argument(
        "--skip-empty", action="store_true", help="leave out pairs of languages without a sentence pair, and say which"
    )
    parser.add_argument("--write-pieces", action="store_true", help="also keep the texts as pieces between spaces")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON on stdout")
    add_config(parser.add_argument_group("SentencePiece, where none is given"), PiecesConfig)
    group = parser.add_argument_group("validation lines of --mono")
    add_config(group, AssemblyConfig, only=_SAMPLE)


def run(args: argparse.Namespace) -> int:
    started = time.perf_counter()
    languages = parse_languages(args.langs)
    mono = _mono(args, languages)
    pieces_config = config_from(args, PiecesConfig)
    sample = config_from(args, AssemblyConfig)
    quiet_fairseq()
    from fairseq_xling.data.binarising import lines_of
    from fairseq_xling.data.preparation import (
        Sources,
        binarise_all,
        find_pairs,
        given_pairs,
        make_dictionary,
        make_pieces,
        texts_of,
        without_empty,
    )

    pairs = given_pairs(args.bitext, languages, find_pairs(args.pairs, languages))
    if args.skip_empty:
        kept = without_empty(pairs)
        left_out = [pair.name for pair in pairs if pair not in kept]
        if left_out:
            note(f"without a sentence, so left out: {', '.join(left_out)}")
        pairs = kept
    sources = Sources(languages, mono, pairs)
    named = [*sources.files, *filter(None, (args.spm, args.dict))]
    inputs = {path: sha256_file(path) for path in named}
    with finished_directory(args.output) as folder:
        pieces = make_pieces(folder, args.spm, sources, pieces_config)
        dictionary = make_dictionary(folder, pieces, args.dict, languages)
        texts = texts_of(sources, folder, sample, args.write_pieces)
        with progress(sum(lines_of(text) for text in texts), "line", "prepare") as bar:
            counts = binarise_all(texts, folder, args.workers, bar.update)
        facts = {"symbols": len(dictionary), "texts": {name: asdict(count) for name, count in counts.items()}}
        written = sorted(path for path in folder.rglob("*") if path.is_file())
        outputs = {str(path.relative_to(folder)): sha256_file(path) for path in written}
        decided = _decided(args, languages, asdict(pieces_config), sample)
        manifest = Manifest("prepared", decided, inputs, outputs, facts, round(time.perf_counter() - started, 3))
        write_manifest(folder / MANIFEST, manifest)
    _report(facts)
    if args.json:
        emit_json({"output": args.output, "languages": languages, **facts})
    return 0


def _mono(args: argparse.Namespace, languages: list[str]) -> dict[str, str]:
    """Language to file; also what is wrong with the options as a whole."""
    faults, mono = list[str](), dict[str, str]()
    for text in args.mono:
        code, equals, path = text.partition("=")
        if not equals or not path:
            faults.append(f"--mono {text} is not xx=FILE")
        elif code not in languages:
            faults.append(unknown("language", code, languages) + f" in --mono {text}")
        elif code in mono:
            faults.append(f"--mono {code} is given twice. Join the files first")
        elif not Path(path).is_file():
            faults.append(f"{path} does not exist. Check the path (--mono {code})")
        else:
            mono[code] = path
    if not args.mono and not args.pairs and not args.bitext:
        faults.append("there is nothing to prepare. Give --mono xx=FILE, --pairs DIR or --bitext xx-yy SOURCE TARGET")
    if args.dict and not args.spm:
        faults.append("--dict needs the SentencePiece model that it was made with. Give --spm too")
    for name in ("spm", "dict"):
        path = getattr(args, name)
        if path and not Path(path).is_file():
            faults.append(f"--{name} {path} does not exist. Check the path")
    faults += at_least("workers", args.workers, 1)
    if faults:
        raise ConfigError(faults)
    return mono


def _decided(
    args: argparse.Namespace, languages: list[str], pieces: Mapping[str, Any], sample: AssemblyConfig
) -> dict[str, Any]:
    """The configuration as far as it decides what is written."""
    drawn = {name: getattr(sample, name) for name in _SAMPLE} if args.mono else {}
    trained = {} if args.spm else dict(pieces)
    return {
        "languages": languages,
        "mono": len(args.mono),
        "pieces": trained,
        "write_pieces": args.write_pieces,
    } | drawn


def _report(facts: Mapping[str, Any]) -> None:
    rows = []
    for name, count in facts["texts"].items():
        sentences = ", ".join(f"{number} {split}" for split, number in count["sentences"].items())
        unknown_share = f"{100 * count['unknown'] / max(count['tokens'], 1):.3f}%"
        rows.append([name, sentences, count["tokens"], unknown_share, count["empty"]])
    note(table(rows, ["text", "sentences", "tokens", "unknown", "empty"]))
    note(f"{facts['symbols']} symbols in the dictionary, language tokens and <mask> last")
