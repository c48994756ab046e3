"""A run from its configuration: plan, lease, driver, scores; what `iterate` calls."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from fairseq_xling.errors import ConfigError, CorpusError
from fairseq_xling.files import MANIFEST, Manifest, atomic_write, json_value, read_manifest, write_manifest
from fairseq_xling.rounds.config import RoundsConfig
from fairseq_xling.rounds.estimate import CPU_FLOPS, GPU_FLOPS, TOKENS_PER_SENTENCE, costs, counted
from fairseq_xling.rounds.executors import Executor
from fairseq_xling.rounds.executors.inline import InlineExecutor
from fairseq_xling.rounds.executors.jobs import Jobs, perform_job
from fairseq_xling.rounds.executors.local import LocalExecutor, serve
from fairseq_xling.rounds.executors.queue import is_leaving_to_return
from fairseq_xling.rounds.executors.rank import launcher, rendezvous
from fairseq_xling.rounds.handover import HandOver
from fairseq_xling.rounds.lease import LEASE, LOCK, Lease, holder_of, is_alive
from fairseq_xling.rounds.perform import Call, Outcome, Performer
from fairseq_xling.rounds.plan import Plan
from fairseq_xling.rounds.restart import check_restart
from fairseq_xling.rounds.run import Driver, Tell
from fairseq_xling.rounds.scores import read_scores, write_scores
from fairseq_xling.rounds.stacking import plan_of
from fairseq_xling.rounds.stages import Stage
from fairseq_xling.rounds.state import ATTEMPTS, LOGS, RunDirectory, content_hash, stage_of
from fairseq_xling.rounds.texts import check_texts
from fairseq_xling.rounds.view import View, by_round_and_kind, clock, mean_scores, remaining_seconds

CONFIG = "config.yaml"
# What a folder may hold that is to become a run directory: the demo's texts, and what a driver killed early leaves.
_BESIDE = ("world", LOGS, ATTEMPTS, LEASE, LOCK)
# After these events the run is not what its manifest says.
_UNFINISHING = ("started", "changed", "damaged", "reused")


@dataclass(frozen=True)
class Report:
    """The same for a person and for a program."""

    tables: Sequence[tuple[Sequence[str], Sequence[Sequence[object]]]]
    lines: Sequence[str]
    record: dict[str, Any]


def drive(config: RoundsConfig, root: Path, executor: str, cpus: int, call: Call) -> list[dict[str, Any]]:
    """Carry the run out, or on; returns all its scores."""
    check_texts(config)
    plan = plan_of(config)
    claim(root)
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        lease = Lease(root)
        dead = lease.acquire()
        stack.callback(lease.release)
        view = stack.enter_context(contextlib.closing(View(root)))
        if dead:
            view.tell("taken", "over", f"from {dead}, which is gone")
        write_config(config, root, view)
        run = RunDirectory(root)
        with HandOver() as hand_over:

            def keeps() -> bool:
                """Whether jobs of a cluster outlive this driver: another one goes on with the run."""
                return hand_over.is_due or not lease.is_ours() or is_leaving_to_return(os.environ)

            def tell(event: str, stage: str, words: str) -> None:
                if event in _UNFINISHING:
                    (root / MANIFEST).unlink(missing_ok=True)
                view.tell(event, stage, words)

            chosen = _executor(executor, run, cpus, call, keeps, view.tell)
            driver = Driver(plan, run, chosen, tell, lease.check, lambda stage: _after(run, plan, stage))
            view.watch(driver)
            driver.drive()
        scores = write_scores(run, plan)
        _finish(run, plan, config, time.perf_counter() - started)
        view.tell("finished", "", f"{len(plan)} stages, {len(scores)} scores in {root / 'scores.jsonl'}")
        return scores


def claim(root: Path) -> None:
    """Make the run directory, or refuse a place that is something else."""
    if os.pathsep in str(root.resolve()):
        raise ConfigError(f"{root}: fairseq ends a path at `{os.pathsep}`. Name a --run-dir without one")
    if root.exists() and not root.is_dir():
        raise ConfigError(f"{root} is a file, but a run is a directory. Name another --run-dir")
    root.mkdir(parents=True, exist_ok=True)
    is_run = (root / CONFIG).is_file() and (root / LOGS).is_dir()
    if not is_run and any(path.name not in _BESIDE for path in root.iterdir()):
        raise ConfigError(f"{root} holds something else than a run. Name another --run-dir")


def _executor(name: str, run: RunDirectory, cpus: int, call: Call, keeps: Callable[[], bool], tell: Tell) -> Executor:
    if name == "inline":
        return InlineExecutor(Performer(run, call), cpus)
    if name == "local":
        return LocalExecutor(run.root, cpus)
    from fairseq_xling.rounds.executors.slurm import SlurmExecutor

    return SlurmExecutor(run, cpus, keeps, tell)


def _after(run: RunDirectory, plan: Plan, stage: Stage) -> None:
    """What is checked and written when a stage is finished."""
    check_restart(run, plan, stage)
    if stage.kind == "evaluate":
        write_scores(run, plan)


def _finish(run: RunDirectory, plan: Plan, config: RoundsConfig, seconds: float) -> None:
    """R/manifest.json: what the whole run read and made, by content."""
    manifests = {stage.name: run.manifest(stage.name) for stage in plan}
    outputs = {name: content_hash(found.outputs) for name, found in manifests.items() if found}
    inputs = {str(source.path): run.file_hash(source.path) for source in plan.files}
    counts = {
        "stages": len(plan),
        "work_seconds": round(sum(found.seconds for found in manifests.values() if found), 1),
    }
    made = Manifest("run", json_value(config.values), inputs, outputs, counts, round(seconds, 1))
    place = run.root / MANIFEST
    if place.is_file():  # nothing was made this time, or something was and the manifest is gone
        there = read_manifest(place)
        if (there.config, there.inputs, there.outputs) == (made.config, made.inputs, made.outputs):
            return
    write_manifest(place, made)


def write_config(config: RoundsConfig, root: Path, view: View) -> None:
    """Keep the configuration with absolute paths, so that workers and later commands need nothing else."""
    text = yaml.safe_dump(dict(config.values), sort_keys=False, allow_unicode=True, width=120)
    place = root / CONFIG
    if place.is_file():
        if place.read_text(encoding="utf-8") == text:
            return
        view.tell("configuration", "", "is another one now; what depends on the change is made again")
    with atomic_write(place) as stream:
        stream.write(text)


def serve_run(root: Path, config: RoundsConfig, call: Call, source: IO[str], answers: IO[str]) -> None:
    """A worker process of the local executor."""
    serve(Performer(_Fresh(root), call), plan_of(config).by_name, source, answers)


def perform_run(root: Path, config: RoundsConfig, call: Call, label: str) -> int:
    """A job of the slurm executor: the stages that its file names; 0 when all went well."""
    run, stages = _Fresh(root), plan_of(config).by_name

    def perform(name: str, key: str, cpus: int) -> Outcome:
        stage = stages.get(name)
        if stage is None or stage.key(list(run.input_hashes(stage).values())) != key:
            return Outcome(name, 1, f"{name}: configuration, input or program have changed since its job was submitted")
        run.forget(name)
        if run.is_finished(stage, key):
            return Outcome(name, 0)
        words = launcher(stage.resources, cpus)
        if words:
            os.environ.update(rendezvous(os.environ))
        try:
            return Performer(run, call, words)(stage, key, cpus)
        except Exception as fault:
            return Outcome(name, 1, f"{name}: {type(fault).__name__}: {fault} (log: {run.log(name)})")

    return perform_job(Jobs(root), label, perform)


class _Fresh(RunDirectory):
    """A run directory that other processes publish into: what was read is forgotten before every stage."""

    def input_hashes(self, stage: Stage) -> dict[str, str]:
        for name in stage.needs:
            self.forget(name)
        return super().input_hashes(stage)


def dry_run(config: RoundsConfig) -> Report:
    """The plan, and what it will cost."""
    config = counted(config)
    plan = plan_of(config)
    found = costs(config, plan)
    header = ["stage", "count", "sentences", "TFLOP", "hours", "GB kept", "CPU hours at most", "GPU hours at most"]
    rows: list[list[object]] = [
        [c.kind, c.stages, c.sentences, round(c.flops / 1e12, 2), round(c.hours, 2), round(c.gigabytes, 2),
         round(c.cpu_hours_limit, 1), round(c.gpu_hours_limit, 1)]
        for c in found
    ]  # fmt: skip
    total = ["all", *(sum(row[i] for row in rows) for i in range(1, len(header)))]  # type: ignore[misc]
    rows.append([round(value, 2) if isinstance(value, float) else value for value in total])
    lines = [
        f"{len(config.languages)} languages, {len(config.pairs)} pairs, {config.rounds} rounds, {len(plan)} stages",
        f"hours: products only, {TOKENS_PER_SENTENCE} tokens a sentence, {CPU_FLOPS / 1e9:.0f} GFLOP/s a processor, "
        f"{GPU_FLOPS / 1e12:.0f} TFLOP/s a GPU; at most: every attempt takes its whole time limit",
    ]
    absent = [str(path) for path in config.files if not path.is_file()]
    if absent:
        lines.append(f"not there yet: {', '.join(absent)}")
    record = {
        "absent": absent,
        "stages": plan.records(),
        "counts": dict(plan.kinds),
        "costs": [asdict(cost) for cost in found],
    }
    stages: list[list[object]] = [[stage.name, ", ".join(stage.needs) or "-"] for stage in plan]
    return Report([(["stage", "needs"], stages), (header, rows)], lines, record)


def status(root: Path, config: RoundsConfig) -> Report:
    """How far a run is, from its directory alone."""
    plan, run = plan_of(config), RunDirectory(root)
    done = {stage.name for stage in plan if _is_there(run, stage.name)}
    holder = holder_of(root)
    alive = holder is not None and is_alive(holder, time.time() - (root / LEASE).stat().st_mtime)
    attempts = sorted({stage_of(path) for path in run.attempts.glob("*.attempt.*")} - done)
    left = remaining_seconds(plan, run, done)
    job = f" (job {holder['job']})" if holder and holder.get("job") else ""
    driver = f"driven by process {holder['pid']} on {holder['host']}{job}" if holder and alive else "nobody drives it"
    lines = [f"{root}: {len(done)} of {len(plan)} stages are finished; {driver}"]
    if attempts:
        lines.append(f"{'running' if alive else 'cut short'}: {', '.join(attempts)}")
    jobs = [f"{job.id or job.label} ({', '.join(job.stages)})" for job in Jobs(run.root).all()]
    if jobs:
        lines.append(f"jobs of the cluster: {'; '.join(jobs)}")
    if left is not None and len(done) < len(plan):
        lines.append(f"about {clock(left)} of work left")
    scores = read_scores(root)
    record = {"done": sorted(done), "of": len(plan), "driver": holder if alive else None, "attempts": attempts,
              "seconds_left": left, "scores": scores}  # fmt: skip
    tables = [(["round", "stage", "done", "of"], by_round_and_kind(list(plan), done))]
    return Report([*tables, mean_scores(scores)] if scores else tables, lines, record)


def _is_there(run: RunDirectory, stage: str) -> bool:
    try:
        return run.manifest(stage) is not None
    except CorpusError:  # damaged: the next driver makes it again
        return False
