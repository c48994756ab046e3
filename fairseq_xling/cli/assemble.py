"""Mined pairs and the two texts to training data: filters, a cap, and a sampled validation set.

  fairseq-xling assemble --pairs pairs.tsv --source-text ro.txt --target-text en.txt \\
      --source-lang ro_RO --target-lang en_XX --output data

PAIRS holds ids, as mine writes them without texts. The lines are taken from the texts as they are. OUTPUT becomes
  train.ro_RO-en_XX.ro_RO  train.ro_RO-en_XX.en_XX  train.pairs.tsv     valid.… likewise     manifest.json
best pairs first; the manifest says how many pairs each filter dropped. Validation pairs are drawn at random.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path

from fairseq_xling.cli.options import add_config, config_from
from fairseq_xling.cli.output import emit_json, note
from fairseq_xling.configs import checked
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import MANIFEST, Manifest, finished_directory, read_lines, sha256_file, write_manifest
from fairseq_xling.languages import parse_languages
from fairseq_xling.mining.assemble import AssemblyConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from fairseq_xling.text.filters import filter_help

    parser.add_argument("--pairs", required=True, metavar="P.tsv", help="mined pairs of ids")
    parser.add_argument("--source-text", required=True, metavar="F", help="the source lines that were mined")
    parser.add_argument("--target-text", required=True, metavar="F", help="the target lines that were mined")
    parser.add_argument("--source-lang", required=True, metavar="CODE", help="the source language, part of file names")
    parser.add_argument("--target-lang", required=True, metavar="CODE", help="the target language")
    parser.add_argument("--output", required=True, metavar="DIR", help="the directory to make, whole or not at all")
    parser.add_argument("--language-model", metavar="M", help="a fastText model for the filter `language`")
    parser.add_argument(
        "--allow-empty", action="store_true", help="write empty files where no pair is left to train on"
    )
    parser.add_argument("--json", action="store_true", help="print the counts as JSON on stdout")
    add_config(parser.add_argument_group("assembly"), AssemblyConfig)
    rows = filter_help()
    width = max(len(form) for form, _ in rows)
    listed = "\n".join(f"  {form:<{width}}  {text}" for form, text in rows)
    parser.epilog = f"filters (each keeps what it describes):\n{listed}"


def run(args: argparse.Namespace) -> int:
    from fairseq_xling.mining.assemble import assemble_pairs, preprocess_command, write_assembled
    from fairseq_xling.mining.pairs import read_pairs
    from fairseq_xling.text.filters import FilterChain, Languages
    from fairseq_xling.text.identification import fasttext_identifier

    started = time.perf_counter()
    config = checked(config_from(args, AssemblyConfig))
    codes = _codes(args)
    identify = fasttext_identifier(args.language_model) if args.language_model else None
    languages = Languages(*codes, identify)
    FilterChain(config.filters, languages)  # its faults before any reading
    pairs = read_pairs(args.pairs)
    texts = read_lines(args.source_text), read_lines(args.target_text)
    assembled = assemble_pairs(pairs, texts, config, languages)
    if not len(assembled.train) and not args.allow_empty:
        raise CorpusError(f"{args.pairs}: no pair is left to train on ({assembled.line}). Mine more, or filter less.")
    named = [args.pairs, args.source_text, args.target_text, *([args.language_model] if args.language_model else [])]
    inputs = {path: sha256_file(path) for path in named}
    with finished_directory(args.output) as folder:
        names = write_assembled(folder, assembled, texts, codes, config.format)
        outputs = {name: sha256_file(folder / name) for name in names}
        seconds = round(time.perf_counter() - started, 3)
        decided = {**asdict(config), "source": codes[0], "target": codes[1]}
        manifest = Manifest("assembled", decided, inputs, outputs, assembled.counts, seconds)
        write_manifest(folder / MANIFEST, manifest)
    note(f"{assembled.line}\n{config.signature}")
    if config.format == "moses":
        note(f"binarise it with: {preprocess_command(Path(args.output), codes)}")
    if args.json:
        emit_json({"output": args.output, "signature": config.signature, **assembled.counts})
    return 0


def _codes(args: argparse.Namespace) -> tuple[str, str]:
    source, *more = parse_languages(args.source_lang)
    target, *others = parse_languages(args.target_lang)
    if more or others or source == target:
        raise ConfigError("--source-lang and --target-lang must be two different language codes")
    return source, target
