"""The contract of the command line: exit codes, one line on stderr, results on stdout, nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fairseq_xling import __version__
from fairseq_xling.cli.main import VERBS, main, verb_parser

Planted = Callable[..., tuple[int, str, str]]
RunCli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_overview(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("usage: fairseq-xling VERB")
    assert all(f"  {verb} " in out and summary in out for verb, (_, summary) in VERBS.items())


@pytest.mark.parametrize("arguments", [["--version"], ["-V"]])
def test_version(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr() == (f"fairseq-xling {__version__}\n", "")


def test_module_and_script_are_the_same_command(run_cli: RunCli) -> None:
    done = run_cli("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"fairseq-xling {__version__}\n", "")
    script = Path(sys.executable).with_name("fairseq-xling")
    if not script.exists():
        pytest.skip("the package is not installed in this environment, so there is no script")
    assert subprocess.run([script, "--version"], capture_output=True, check=True, text=True).stdout == done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["mien"], "there is no verb `mien` (did you mean `mine`?)"),
        (["xyzzy"], "there is no verb `xyzzy` (verbs: "),
        (["--jsn"], "there is no verb `--jsn`"),
        (["doctor", "--jso"], "unrecognized arguments: --jso (see fairseq-xling doctor --help)"),  # no abbreviations
        (["completion"], "the following arguments are required: shell"),
        (["completion", "tcsh"], "invalid choice: 'tcsh'"),
        (["user-dir", "extra"], "unrecognized arguments: extra"),
    ],
)
def test_a_wrong_call_is_the_users_error(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fairseq-xling: error: ")
    assert complaint in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_an_option_that_it_does_not_know(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--no-such-option"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fairseq-xling: error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_help_page(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"usage: fairseq-xling {verb}")
    assert err == ""


def test_a_default_is_shown_once() -> None:
    assert verb_parser("mine").format_help().count("(default: ratio)") == 1


@pytest.mark.parametrize(
    ("body", "code", "complaint"),
    [
        ("raise CorpusError('a.txt:3: two\\n  lines')", 2, "a.txt:3: two lines"),
        ("raise ConfigError(['k is 0', 'm is 1'], 'options')", 2, "options: 2 faults: k is 0; m is 1"),
        ("raise CheckpointError('no')", 2, "no"),
        ("raise MissingDependencyError('no')", 2, "no"),
        ("raise RoundError('stage mine of round 2 failed')", 1, "stage mine of round 2 failed"),
        ("open('no-such-file')", 2, "no-such-file: No such file or directory"),
        ("open('tests')", 2, "tests: Is a directory"),
        ("raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))", 1, "No space left on device"),
    ],
)
def test_an_error_is_one_line_and_no_traceback(run_planted: Planted, body: str, code: int, complaint: str) -> None:
    assert run_planted(body) == (code, "", f"fairseq-xling: error: {complaint}\n")


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('odd')",
        "raise OSError('odd')",
        "raise BrokenPipeError(errno.EPIPE, 'odd')",
        "assert False, 'odd'",
    ],
)
def test_our_own_failure_shows_where_and_says_so(run_planted: Planted, body: str) -> None:
    code, out, err = run_planted(body)
    assert (code, out) == (1, "")
    assert err.startswith("Traceback")
    last = err.strip().split("\n")[-1]
    assert last.startswith("fairseq-xling: error: internal: ")
    assert "odd" in last


def test_results_on_stdout_words_on_stderr(run_planted: Planted) -> None:
    body = "emit('result'); note('working'); emit_json({'n': args.count})"
    assert run_planted(body, "--count", 7) == (0, 'result\n{"n": 7}\n', "working\n")


def test_a_verbs_exit_code_is_the_commands(run_planted: Planted) -> None:
    assert run_planted("return 2") == (2, "", "")


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "fairseq-xling: error: interrupted; nothing half-written was left\n"),
        (signal.SIGTERM, 143, ""),
    ],
)
@pytest.mark.parametrize("kind", ["file", "file.gz", "directory"])
def test_a_signal_leaves_nothing_half_written(
    start_planted: Callable[..., subprocess.Popen[str]],
    tmp_path: Path,
    number: signal.Signals,
    code: int,
    said: str,
    kind: str,
) -> None:
    output = tmp_path / "out" / kind
    output.parent.mkdir()
    write = {
        "directory": "with finished_directory(args.output) as inner:\n    (inner / 'a').write_text('half')",
    }.get(kind, "with atomic_write(args.output) as stream:\n    stream.write('half' * 10**6)")
    process = start_planted(f"{write}\n    note('inside'); time.sleep(60)", "--output", output)
    assert process.stderr is not None
    assert process.stderr.readline() == "inside\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, "", said)
    assert list(output.parent.iterdir()) == []


def test_the_frame_gives_the_signal_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert main(["--version"]) == 0
    assert signal.getsignal(signal.SIGTERM) is before


def through_head(command: list[str], cwd: Path) -> tuple[int, str, str]:
    """`command | head -n 1`: the command's own exit code and stderr, and what head showed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, text=True)
    shown = subprocess.run(["head", "-n", "1"], stdin=process.stdout, capture_output=True, text=True, check=True).stdout
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    return process.wait(), shown, err


def test_a_reader_that_has_enough_is_no_error(
    start_planted: Callable[..., subprocess.Popen[str]], tmp_path: Path, root: Path
) -> None:
    process = start_planted("for i in range(10**5):\n    emit(str(i))")
    process.stdout.readline()  # type: ignore[union-attr]
    process.stdout.close()  # type: ignore[union-attr]
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 0
    code, shown, err = through_head([sys.executable, "-m", "fairseq_xling", "completion", "bash"], root)
    assert (code, shown, err) == (0, "_fairseq_xling() {\n", "")


def test_a_reader_that_never_was_is_no_error(root: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "fairseq_xling", "--help"], stdout=write, stderr=subprocess.PIPE, cwd=root, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full on this system")
def test_a_full_disk_is_said(root: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fairseq_xling", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=root,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"fairseq-xling: error: No space left on device\n")
