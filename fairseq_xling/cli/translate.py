"""Translate lines with a checkpoint, in any direction between its languages.

  fairseq-xling translate --checkpoint model.pt --source ro_RO --target en_XX < ro.txt > en.txt
  fairseq-xling translate --checkpoint model.pt --source ro_RO --target en_XX --input ro.txt --output en.txt
  fairseq-xling translate --checkpoint model.pt --directions directions.tsv

One line in, one line out, in order; an empty line stays empty. DIRECTIONS has a line for each text,
  source TAB target TAB input TAB output
and the model is loaded once for all of them. An output appears whole or not at all, with OUTPUT.manifest.json beside
it. Options of the search mean what they mean to fairseq-generate and give the same translations. The dictionary and
the SentencePiece model are found as encode finds them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairseq_xling.cli.models import add_model, model_choice
from fairseq_xling.cli.options import add_config, config_from
from fairseq_xling.cli.output import emit, emit_json, note, progress
from fairseq_xling.encoders.options import TranslationConfig
from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import Manifest, atomic_write, iterate_lines, sha256_file, write_manifest

if TYPE_CHECKING:
    from fairseq_xling.encoders.translation import Translator


@dataclass(frozen=True)
class Direction:
    """One text to be translated; None is stdin or stdout."""

    source: str
    target: str
    input: str | None
    output: str | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser, parser, required=True)
    parser.add_argument("--source", metavar="CODE", help="language of the input")
    parser.add_argument("--target", metavar="CODE", help="language of the output")
    parser.add_argument("--input", metavar="F", help="the lines; .gz by name (default: stdin)")
    parser.add_argument("--output", metavar="F", help="their translations; compressed if named .gz (default: stdout)")
    parser.add_argument("--directions", metavar="F.tsv", help="many texts: source TAB target TAB input TAB output")
    parser.add_argument("--json", action="store_true", help="print counts and signature as JSON on stdout")
    add_config(parser.add_argument_group("search"), TranslationConfig)


def run(args: argparse.Namespace) -> int:
    config = config_from(args, TranslationConfig)
    directions = read_directions(args.directions) if args.directions else []
    directions = [*directions, *_single(args)]
    _check_files(directions, args.json)
    choice = model_choice(args)
    from fairseq_xling.encoders.opening import open_model
    from fairseq_xling.encoders.translation import Translator

    opened = open_model(choice)
    translator = Translator(opened, config)
    unknown = {f for d in directions for f in translator.faults_of_direction(d.source, d.target)}
    if unknown:
        raise ConfigError(sorted(unknown))
    reports = [_translate(translator, direction, opened.inputs) for direction in directions]
    note(translator.signature)
    if args.json:
        emit_json({"directions": reports, "signature": translator.signature})
    return 0


def _single(args: argparse.Namespace) -> list[Direction]:
    """The direction of --source and --target, where there is one."""
    if args.directions:
        named = [name for name in ("source", "target", "input", "output") if getattr(args, name)]
        if named:
            raise ConfigError(f"--{named[0]} and --directions exclude each other. Write it into {args.directions}")
        return []
    if not (args.source and args.target):
        raise ConfigError("both languages must be named: --source ro_RO --target en_XX, or --directions F.tsv")
    return [Direction(args.source, args.target, args.input, args.output)]


def read_directions(path: str) -> list[Direction]:
    """The texts that a file of directions names; all its faults at once."""
    found, faults = list[Direction](), list[str]()
    for number, line in enumerate(iterate_lines(path), start=1):
        parts = line.split("\t")
        if len(parts) != 4 or not all(parts):
            if line.strip():
                faults.append(f"{path}:{number} is not `source TAB target TAB input TAB output`")
            continue
        found.append(Direction(*parts))
    if not found and not faults:
        faults.append(f"{path} names no text. Write a line `source TAB target TAB input TAB output` for each")
    outputs = [direction.output for direction in found]
    faults += [f"{path}: {name} is written twice" for name in sorted({str(o) for o in outputs if outputs.count(o) > 1})]
    if faults:
        raise ConfigError(faults)
    return found


def _check_files(directions: list[Direction], json: bool) -> None:
    """What is missing is said before anything is loaded."""
    faults = list[str]()
    for direction in directions:
        if direction.input and not Path(direction.input).is_file():
            faults.append(f"{direction.input} does not exist. Check the path")
        if direction.output and not Path(direction.output).parent.is_dir():
            faults.append(f"{Path(direction.output).parent} is not a directory. Create it")
        if direction.output and Path(direction.output).is_dir():
            faults.append(f"{direction.output} is a directory, but a file is to be written there")
        if json and not direction.output:
            faults.append("--json needs --output, because translations would go to stdout too")
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))


def _translate(translator: Translator, direction: Direction, inputs: Any) -> dict[str, Any]:
    """Translate one text; returns what there is to report."""
    started, cut, lines = time.perf_counter(), translator.cut, 0
    total = sum(1 for _ in iterate_lines(direction.input)) if direction.input else None
    if total == 0:
        raise CorpusError(f"{direction.input} has no lines. There must be at least one sentence.")
    if direction.output:
        _manifest_path(direction.output).unlink(missing_ok=True)
    bar = progress(total or 0, "line", f"{direction.source}-{direction.target}")
    with bar, atomic_write(direction.output) if direction.output else nullcontext() as stream:
        translator.on_batch = bar.update
        texts = iterate_lines(direction.input) if direction.input else _stdin()
        for line in translator.stream(texts, direction.source, direction.target):
            lines += 1
            if stream is None:
                emit(line)
            else:
                stream.write(line + "\n")
    report: dict[str, Any] = {"source": direction.source, "target": direction.target}
    counts = {"lines": lines, "cut": translator.cut - cut}
    seconds = round(time.perf_counter() - started, 3)
    if counts["cut"]:
        note(f"{counts['cut']} lines were longer than the model takes and lost their end")
    note(f"{direction.source}-{direction.target}: {lines} lines, {lines / max(seconds, 1e-3):.1f} a second")
    if direction.output and direction.input and Path(direction.output).is_file():
        config = {"signature": translator.signature, **report}
        inputs = {direction.input: sha256_file(direction.input), **inputs}
        outputs = {Path(direction.output).name: sha256_file(direction.output)}
        manifest = Manifest("translation", config, inputs, outputs, counts, seconds)
        write_manifest(_manifest_path(direction.output), manifest)
    return {**report, "input": direction.input, "output": direction.output, **counts, "seconds": seconds}


def _manifest_path(output: str) -> Path:
    path = Path(output)
    return path.with_name(f"{path.name}.manifest.json")


def _stdin() -> Iterator[str]:
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        try:
            yield raw.removesuffix(b"\n").decode("utf-8")
        except UnicodeDecodeError as fault:
            byte = fault.object[fault.start]
            raise CorpusError(
                f"stdin:{number}: byte 0x{byte:02x} is not UTF-8. Convert it (iconv does that)."
            ) from fault
