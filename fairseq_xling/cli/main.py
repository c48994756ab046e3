"""The command line's frame: finds the verb, keeps the exit-code contract, imports nothing heavy."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import select
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

from fairseq_xling import __version__
from fairseq_xling.errors import XlingError

PROGRAM = "fairseq-xling"

# verb: (module under fairseq_xling.cli, what it does). The order is that of the work.
VERBS = {
    "prepare": ("prepare", "raw text to SentencePiece model, dictionary and binarised data"),
    "encode": ("encode", "sentences to vectors, by checkpoint or by the surface encoder"),
    "mine": ("mine", "sentence pairs from two languages' vectors or texts"),
    "tiles": ("tiles", "the search of `mine` cut into tiles, for arrays of jobs and several machines"),
    "score": ("score", "the margin of each given line pair"),
    "assemble": ("assemble", "mined pairs and texts to filtered, capped training data"),
    "translate": ("translate", "lines to lines with a checkpoint, many directions in one process"),
    "evaluate": ("evaluate", "retrieval, mining and translation scores, each with its signature"),
    "iterate": ("iterate", "the whole loop: rounds of mining and training, resumable, from one configuration"),
    "report": ("report", "one page of a run to look at: scores, maps, margins, curves, samples"),
    "demo": ("demo", "the whole loop on invented languages, in minutes"),
    "convert": ("convert", "a model from one library's format to another's"),
    "doctor": ("doctor", "what is wrong with this installation and how to mend it"),
    "user-dir": ("user_dir", "print the path to give to fairseq's --user-dir"),
    "completion": ("completion", "print a completion script for bash, zsh or fish"),
}


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps a description's layout and adds each option's default."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, argparse.SUPPRESS):
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """argparse with our contract, for verbs and sub-verbs: whole option names, one line on stderr, exit code 2."""

    def __init__(self, **settings: Any) -> None:
        defaults: dict[str, Any] = {"formatter_class": HelpFormatter, "allow_abbrev": False}
        super().__init__(**(defaults | settings))

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{PROGRAM}: error: {one_line(message)} (see {self.prog} --help)\n")


def one_line(message: object) -> str:
    return " ".join(str(message).split())


def verb_parser(verb: str) -> Parser:
    """The parser of one verb, with the verb's module imported."""
    module_name, summary = VERBS[verb]
    module = importlib.import_module(f"fairseq_xling.cli.{module_name}")
    description = (module.__doc__ or summary).strip()
    name = f"{PROGRAM} {verb}"
    parser = Parser(prog=name, description=description)
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    return parser


def overview() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {summary}" for verb, (_, summary) in VERBS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} VERB [options]      {PROGRAM} VERB --help      {PROGRAM} --version",
            "",
            "Aligned sentence pairs, translation models and retrievers from monolingual text.",
            "",
            *lines,
            "",
            "Results go to stdout, logs and progress to stderr. Exit codes: 0 done, 1 our failure, 2 yours to mend.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code, prints at most one error line for a fault of the user's."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    previous = signal.signal(signal.SIGTERM, _terminated)
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except XlingError as error:
        return _complain(error, error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted; nothing half-written was left", 130)
    except BrokenPipeError as error:
        return 0 if _stdout_has_no_reader() else _internal(error)
    except OSError as error:
        if error.filename is None and error.errno is None:
            return _internal(error)
        place = f"{error.filename}: " if error.filename else ""
        return _complain(f"{place}{error.strerror or error}", 2 if error.filename else 1)
    except Exception as error:
        return _internal(error)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(overview() + "\n")
        return 0
    if arguments[0] in ("-V", "--version"):
        sys.stdout.write(f"{PROGRAM} {__version__}\n")
        return 0
    verb = arguments[0]
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"verbs: {', '.join(VERBS)}"
        return _complain(f"there is no verb `{verb}` ({hint})", 2)
    try:
        parsed = verb_parser(verb).parse_args(arguments[1:])
    except SystemExit as leaving:  # argparse has printed its help or its one line
        return int(leaving.code or 0)
    code: int = parsed.run(parsed)
    return code


def _complain(message: object, code: int) -> int:
    sys.stderr.write(f"{PROGRAM}: error: {one_line(message)}\n")
    return code


def _internal(error: Exception) -> int:
    traceback.print_exc(file=sys.stderr)
    return _complain(f"internal: {type(error).__name__}: {error} - this is our fault; please report the lines above", 1)


def _stdout_has_no_reader() -> bool:
    """True when whoever read our results, `head` say, had enough; stdout is then closed for good."""
    poller = select.poll()
    poller.register(sys.stdout.fileno(), 0)
    if not any(events & select.POLLERR for _, events in poller.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the last flush would complain
    return True


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    """A TERM unwinds the stack, so that what is half-written is removed, and exits with 143."""
    raise SystemExit(128 + number)
