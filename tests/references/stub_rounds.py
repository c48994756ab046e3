"""Plans of stages that shell scripts make in milliseconds, and a worker process that knows them."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from fairseq_xling.rounds.executors.inline import InlineExecutor
from fairseq_xling.rounds.executors.local import LocalExecutor, serve
from fairseq_xling.rounds.perform import Performer
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.run import Driver
from fairseq_xling.rounds.stages import Command, File, Product, Resources, Stage
from fairseq_xling.rounds.state import RunDirectory

COPY = 'cat "$@" > "$out/product.txt"'


def stage(
    name: str, script: str, inputs: dict[str, File | Product], kind: str = "mine", retries: int = 0, **more: object
) -> Stage:
    """A script that finds its folder in $out and its inputs, files or products' texts, in $1, $2, …"""
    places = [f"{{{key}}}" if isinstance(source, File) else f"{{{key}}}/product.txt" for key, source in inputs.items()]
    command = Command(("sh", "-ec", f"out=$1; shift; {script}", "sh", "{out}", *places))
    asked = Resources(cpus=1, retries=retries)
    return Stage(name, kind, (command,), inputs, ("product.txt",), resources=asked, **more)  # type: ignore[arg-type]


def small_plan(text: Path, **scripts: str) -> Plan:
    """Two independent chains that are joined, and a stage that does the same work as the first one."""
    of_text: dict[str, File | Product] = {"text": File(text)}
    return Plan(
        [
            stage("round-00/upper", scripts.get("upper", 'tr a-z A-Z < "$1" > "$out/product.txt"'), of_text),
            stage("round-00/lines", scripts.get("lines", 'wc -l < "$1" > "$out/product.txt"'), of_text),
            stage("round-00/twice", scripts.get("twice", COPY), {"a": Product("round-00/upper")}),
            stage("round-01/join", COPY, {"a": Product("round-00/twice"), "b": Product("round-00/lines")}),
            stage("round-01/upper", scripts.get("upper", 'tr a-z A-Z < "$1" > "$out/product.txt"'), of_text),
        ]
    )


def no_verb(words: Sequence[str], cpus: int) -> int:
    raise AssertionError(f"no verb is to be called, but {words} is")


def inline(root: Path, plan: Plan, cpus: int = 1) -> InlineExecutor:
    return InlineExecutor(Performer(RunDirectory(root), no_verb), cpus)


def local(root: Path, plan: Plan, cpus: int = 2) -> LocalExecutor:
    """The local executor with workers that know this plan; tests/ must be on PYTHONPATH."""
    (root / ".plan").write_bytes(pickle.dumps(plan.stages))
    executor = LocalExecutor(root, cpus)
    executor._command = [sys.executable, "-m", "references.stub_rounds", str(root)]
    return executor


class Events:
    """What a driver told: (event, stage) in order, and the words."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str, str]] = []

    def __call__(self, event: str, name: str, words: str) -> None:
        self.all.append((event, name, words))

    def of(self, event: str) -> list[str]:
        return [name for said, name, _ in self.all if said == event]


def drive(
    root: Path, plan: Plan, start: Callable[[Path, Plan], object] = inline, check: Callable[[], None] = lambda: None
) -> Events:
    """One pass over the plan; returns what happened."""
    events = Events()
    driver_of(root, plan, events, start, check).drive()
    return events


def driver_of(
    root: Path,
    plan: Plan,
    events: Events,
    start: Callable[[Path, Plan], object] = inline,
    check: Callable[[], None] = lambda: None,
) -> Driver:
    root.mkdir(exist_ok=True)
    return Driver(plan, RunDirectory(root), start(root, plan), events, check)  # type: ignore[arg-type]


def products(root: Path) -> dict[str, str]:
    """What every published stage made."""
    found = sorted(root.glob("round-*/*/product.txt"))
    return {path.parent.relative_to(root).as_posix(): path.read_text() for path in found}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    stages = pickle.loads((folder / ".plan").read_bytes())
    serve(Performer(RunDirectory(folder), no_verb), Plan(stages).by_name, sys.stdin, sys.stdout)
