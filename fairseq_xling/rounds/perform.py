"""Carry out one stage: its own attempt folder, its commands one after the other, one atomic publish."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fairseq_xling import USER_DIR
from fairseq_xling.files import Manifest
from fairseq_xling.processes import die_with_parent
from fairseq_xling.rounds.resume import is_over, is_whole_zip
from fairseq_xling.rounds.stages import OUT, PROGRAM, WORK, Command, File, Stage, rendered
from fairseq_xling.rounds.stages import USER_DIR as USER_DIR_NAME
from fairseq_xling.rounds.state import RunDirectory, file_hashes

# Runs one of our own verbs in this process: words without the program's name, processors -> exit code.
Call = Callable[[Sequence[str], int], int]
KEY_FILE = "key.json"
# Trying again at once would not help.
_TO_BE_MENDED = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.ENOENT)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended; `code` is the exit code of the command that failed, 0 where none did."""

    stage: str
    code: int
    message: str = ""
    seconds: float = 0.0


class Performer:
    """What it takes to carry out stages in this process."""

    def __init__(self, run: RunDirectory, call: Call, launcher: Sequence[str] = ()) -> None:
        self.run, self.call = run, call
        self.launcher = tuple(launcher)
        """Words before a training command, such as srun's."""

    def __call__(self, stage: Stage, key: str, cpus: int) -> Outcome:
        """One attempt; the stage is published when the outcome's code is 0."""
        try:
            return self._attempt(stage, key, cpus)
        except OSError as fault:
            code = 2 if fault.errno in _TO_BE_MENDED else 1
            said = f"{fault.filename}: {fault.strerror}" if fault.filename else str(fault.strerror or fault)
            return Outcome(stage.name, code, f"{stage.name}: {said}. Mend that, and the same command goes on")

    def _attempt(self, stage: Stage, key: str, cpus: int) -> Outcome:
        started = time.perf_counter()
        hashes = self.run.input_hashes(stage)
        out = self.run.new_attempt(stage.name, "attempt")
        _write_json(out.parent / KEY_FILE, {"stage": stage.name, "key": key, "pid": os.getpid()})
        trained = self._carry_over(stage, key, out)
        log = self.run.log(stage.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        places = self._places(stage, out)
        with open(log, "a", encoding="utf-8") as stream:
            for command in stage.commands[1:] if trained else stage.commands:
                code = self._one(command, places, out, stream, cpus)
                if code:
                    return Outcome(stage.name, code, self._failure(stage, command, code))
        for folder in stage.dropped:
            shutil.rmtree(out / folder, ignore_errors=True)
        missing = [name for name in stage.produces if not (out / name).is_file()]
        if missing:
            return Outcome(stage.name, 1, f"{stage.name} ended well, but did not make {missing[0]} (log: {log})")
        seconds = round(time.perf_counter() - started, 3)
        manifest = Manifest(stage.kind, stage.decisive, hashes, file_hashes(out), {}, seconds)
        self.run.publish(stage, out, manifest)
        self.run.clear_attempts(stage.name)
        return Outcome(stage.name, 0, seconds=seconds)

    def _places(self, stage: Stage, out: Path) -> dict[str, str]:
        """A path for every name in braces; the notes are written on the way."""
        work = out.parent / "work"
        places = {OUT: str(out), WORK: str(work), USER_DIR_NAME: USER_DIR}
        for name, source in stage.inputs.items():
            places[name] = str(source.path) if isinstance(source, File) else str(self.run.place(source.stage))
        work.mkdir(exist_ok=True)
        for name, text in stage.notes.items():
            (work / name).write_text(rendered(text, places), encoding="utf-8")
        return places

    def _one(self, command: Command, places: Mapping[str, str], out: Path, log: IO[str], cpus: int) -> int:
        words = command.rendered(places)
        log.write(f"$ {' '.join(words)}\n")
        log.flush()
        target = out / command.stdout if command.stdout else None
        if command.program == PROGRAM:
            with _streams(target, log):
                return self.call(words[1:], cpus)
        return self._program(words, target, log, cpus)

    def _program(self, words: Sequence[str], target: Path | None, log: IO[str], cpus: int) -> int:
        """A program of its own, which ends when this process does, however that ends."""
        beside = Path(sys.executable).with_name(words[0])
        line = [*self.launcher, str(beside) if beside.is_file() else words[0], *words[1:]]
        environment = os.environ | {"OMP_NUM_THREADS": str(cpus)}
        with contextlib.ExitStack() as stack:
            stdout: IO[Any] = stack.enter_context(open(target, "ab")) if target else log
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=stdout, stderr=log, env=environment,
                                       preexec_fn=die_with_parent)  # fmt: skip
            try:
                return process.wait()
            except BaseException:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()
                raise

    def _carry_over(self, stage: Stage, key: str, out: Path) -> bool:
        """Take what an attempt at the same work had finished, by copy: its generation may still be alive.

        True where that was all of the stage's first command, a training.
        """
        for folder in self.run.old_attempts(stage.name) if stage.carried else ():
            if folder == out.parent or _read_json(folder / KEY_FILE).get("key") != key:
                continue
            found = [path for pattern in stage.carried for path in sorted((folder / "out").glob(pattern))]
            if any(path.suffix != ".log" and (path.suffix != ".pt" or is_whole_zip(path)) for path in found):
                for path in found:
                    target = out / path.relative_to(folder / "out")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with contextlib.suppress(FileNotFoundError):
                        shutil.copy2(path, target)
                return is_over(out / "checkpoints", stage.commands[0].words)
        return False

    def _failure(self, stage: Stage, command: Command, code: int) -> str:
        """The stage, what ended how, where its log is, and the log's last lines."""
        log = self.run.log(stage.name)
        lines = last_lines(log)
        complaint = f"{PROGRAM}: error: "
        if lines and lines[-1].startswith(complaint):
            return f"{stage.name}: {lines[-1].removeprefix(complaint)} (log: {log})"
        what = " ".join(command.words[:2]) if command.program == PROGRAM else command.program
        said = f"exit code {code}" if code > 0 else f"signal {signal.Signals(-code).name}"
        return f"{stage.name}: {what} ended with {said} (log: {log}): {' | '.join(lines)}"


def last_lines(log: Path, count: int = 6) -> list[str]:
    """The last lines of a log that say something; progress bars do not."""
    if not log.is_file():
        return []
    with open(log, "rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - 20_000))
        text = stream.read().decode("utf-8", "replace")
    return [line.strip() for line in text.splitlines() if line.strip() and "%|" not in line and line[:2] != "$ "][
        -count:
    ]


@contextlib.contextmanager
def _streams(stdout: Path | None, log: IO[str]) -> Iterator[None]:
    """Send this process's stdout and stderr elsewhere, also what libraries in C and old log handlers write."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with contextlib.ExitStack() as stack:
        results = stack.enter_context(open(stdout, "w", encoding="utf-8")) if stdout else log
        os.dup2(results.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            with contextlib.redirect_stdout(results), contextlib.redirect_stderr(log):
                yield
        finally:
            results.flush()
            log.flush()
            for number, copy in enumerate(kept, start=1):
                os.dup2(copy, number)
                os.close(copy)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # cut short while it was written: an attempt that had done nothing yet
        return {}
