"""The slurm executor against a stand-in for the cluster: what is submitted, adopted, retried, ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fairseq_xling.files import Manifest
from fairseq_xling.rounds.executors import queue, slurm
from fairseq_xling.rounds.executors.jobs import Job, Jobs
from fairseq_xling.rounds.executors.queue import State
from fairseq_xling.rounds.executors.slurm import SlurmExecutor
from fairseq_xling.rounds.executors.submission import SubmissionError
from fairseq_xling.rounds.perform import Outcome
from fairseq_xling.rounds.stages import Command, Resources, Stage
from fairseq_xling.rounds.state import RunDirectory


class Cluster:
    """Jobs by place; a test sets their states and lets them tell outcomes."""

    def __init__(self, root: Path) -> None:
        self.run, self.jobs = RunDirectory(root), Jobs(root)
        self.states: dict[tuple[str, int | None], State] = {}
        self.submissions: list[tuple[list[Job], Resources]] = []
        self.cancelled: list[str] = []
        self.refusal: str | None = None
        self.is_up, self.keeps = True, False
        self.events: list[tuple[str, str, str]] = []

    def submit(self, jobs: Sequence[Job], asked: Resources, place: Jobs) -> list[Job]:
        if self.refusal:
            raise SubmissionError(self.refusal)
        number = len(self.submissions) + 1
        known = [replace(job, id=str(number) if job.index is None else f"{number}_{job.index}") for job in jobs]
        self.submissions.append((known, asked))
        self.states |= {job.place: State(str(job.id), "RUNNING", "2000M") for job in known}
        return known

    def cancel(self, ids: Sequence[str]) -> bool:
        if self.is_up:
            self.cancelled += ids
            for place, state in self.states.items():
                if state.id in ids:
                    self.states[place] = replace(state, state="CANCELLED")
        return self.is_up

    def end(self, job: Job, state: str) -> None:
        self.states[job.place] = State(str(job.id), state, "2000M")

    def publish(self, stage: Stage) -> None:
        out = self.run.new_attempt(stage.name, "attempt")
        (out / "made").write_text(stage.name, encoding="utf-8")
        self.run.publish(stage, out, Manifest(stage.kind, stage.decisive, {}, {"made": "1"}))

    def executor(self) -> SlurmExecutor:
        return SlurmExecutor(self.run, 1, lambda: self.keeps, lambda *event: self.events.append(event))


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    found = Cluster(tmp_path)
    monkeypatch.setattr(queue, "require_slurm", lambda: None)
    monkeypatch.setattr(queue, "states", lambda names: dict(found.states) if found.is_up else None)
    monkeypatch.setattr(queue, "cancel", found.cancel)
    monkeypatch.setattr(queue, "accounted", lambda job: None)
    monkeypatch.setattr(slurm, "submit_jobs", found.submit)
    for name in ("ASK_SECONDS", "ASK_AT_MOST", "GRACE_SECONDS", "IDLE_SECONDS"):
        monkeypatch.setattr(slurm, name, 0.0)
    return found


def stage(name: str = "round-01/train", **asked: object) -> Stage:
    return Stage(name, name.split("/")[1], (Command(("true", name)),), resources=Resources(**asked))  # type: ignore[arg-type]


def submitted(executor: SlurmExecutor, *stages: Stage) -> list[Outcome]:
    for one in stages:
        executor.submit(one, one.key([]))
    return executor.ended(0)


def test_a_stage_is_a_job(cluster: Cluster) -> None:
    executor, train = cluster.executor(), stage(cpus=8, mem="4G")
    assert submitted(executor, train) == []
    ((job,), asked) = cluster.submissions[0]
    assert (job.kind, dict(job.stages), job.cpus, job.mem) == ("train", {train.name: train.key([])}, 8, "4G")
    assert asked == train.resources
    assert cluster.jobs.all() == [job]
    assert ("submitted", train.name, "job 1") in cluster.events
    cluster.publish(train)
    cluster.jobs.tell(job.label, Outcome(train.name, 0, seconds=2.0))
    assert executor.ended(0) == [Outcome(train.name, 0, seconds=2.0)]
    cluster.end(job, "COMPLETED")
    executor.ended(0)
    assert cluster.jobs.all() == []


def test_stages_of_a_kind_share_jobs_of_an_array(cluster: Cluster) -> None:
    stages = [stage(f"round-01/mine/p{i}", per_job=2, at_once=2) for i in range(5)]
    submitted(cluster.executor(), *stages, stage())
    sizes = [[len(job.stages) for job in jobs] for jobs, _ in cluster.submissions]
    assert sizes == [[2, 2, 1], [1]]
    assert [job.index for job in cluster.submissions[0][0]] == [0, 1, 2]


def test_the_throttle_holds_across_arrays(cluster: Cluster) -> None:
    executor = cluster.executor()
    first = [stage(f"round-01/mine/p{i}", at_once=2) for i in range(3)]
    later = [stage(f"round-01/mine/q{i}", at_once=2) for i in range(2)]
    submitted(executor, *first)
    assert submitted(executor, *later) == []
    assert len(cluster.submissions) == 1
    for job in cluster.submissions[0][0][:2]:
        cluster.jobs.tell(job.label, Outcome(next(iter(job.stages)), 0))
        cluster.end(job, "COMPLETED")
    assert len(executor.ended(0)) == 2
    executor.ended(0)
    executor.ended(0)
    assert [len(jobs) for jobs, _ in cluster.submissions] == [3, 1]  # one lives: one more may


def test_a_failure_is_told_with_its_code(cluster: Cluster) -> None:
    executor, train = cluster.executor(), stage()
    submitted(executor, train)
    job = cluster.submissions[0][0][0]
    cluster.jobs.tell(job.label, Outcome(train.name, 2, "a file is missing"))
    assert executor.ended(0) == [Outcome(train.name, 2, "a file is missing")]


@pytest.mark.parametrize("code", [130, 143, -15, 75])
def test_no_exit_code_of_a_job_ends_the_driver(cluster: Cluster, code: int) -> None:
    executor, train = cluster.executor(), stage()
    submitted(executor, train)
    cluster.jobs.tell(cluster.submissions[0][0][0].label, Outcome(train.name, code, "ended"))
    assert executor.ended(0) == [Outcome(train.name, 1, "ended")]


def test_a_job_that_ended_without_a_word(cluster: Cluster) -> None:
    executor, train = cluster.executor(), stage(minutes=30)
    submitted(executor, train)
    job = cluster.submissions[0][0][0]
    log = cluster.run.log(train.name)
    log.parent.mkdir(parents=True)
    log.write_text("epoch 3\n", encoding="utf-8")
    cluster.jobs.output(job).parent.mkdir(exist_ok=True)
    cluster.jobs.output(job).write_text("slurmstepd: error: CANCELLED DUE TO TIME LIMIT\n", encoding="utf-8")
    cluster.end(job, "TIMEOUT")
    (outcome,) = executor.ended(0)
    assert outcome.code == 1
    assert "job 1 (round-01/train) ended with TIMEOUT: it took longer than its 30 minutes" in outcome.message
    assert f"log: {log}" in outcome.message
    assert outcome.message.endswith("epoch 3 | slurmstepd: error: CANCELLED DUE TO TIME LIMIT")
    submitted(executor, train)
    assert len(cluster.submissions) == 2


def test_what_is_published_counts_however_its_job_ended(cluster: Cluster) -> None:
    executor, train = cluster.executor(), stage()
    submitted(executor, train)
    cluster.publish(train)
    cluster.end(cluster.submissions[0][0][0], "NODE_FAIL")
    assert executor.ended(0) == [Outcome(train.name, 0)]


def test_a_job_that_slurm_forgot(cluster: Cluster) -> None:
    executor, train = cluster.executor(), stage()
    submitted(executor, train)
    cluster.states.clear()
    (outcome,) = executor.ended(0)
    assert "ended with UNKNOWN: SLURM does not know it any more" in outcome.message


@pytest.mark.parametrize("state", ["NODE_FAIL", "PREEMPTED", "BOOT_FAIL"])
def test_what_is_not_the_stages_fault_is_no_attempt(cluster: Cluster, state: str) -> None:
    executor, train = cluster.executor(), stage()
    submitted(executor, train)
    cluster.end(cluster.submissions[0][0][0], state)
    assert executor.ended(0) == []
    executor.ended(0)
    assert len(cluster.submissions) == 2
    assert cluster.jobs.all() == cluster.submissions[1][0]


def test_a_lost_node_is_not_tried_for_ever(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "_LOSSES", 2)
    executor, train = cluster.executor(), stage()
    submitted(executor, train)
    for _ in range(8):
        cluster.end(cluster.submissions[-1][0][0], "NODE_FAIL")
        outcomes = executor.ended(0)
        if outcomes:
            break
    assert "ended with NODE_FAIL" in outcomes[0].message
    assert len(cluster.submissions) == 3


def test_stages_of_a_shared_job_that_had_not_begun_are_queued_again(cluster: Cluster) -> None:
    executor = cluster.executor()
    mines = [stage(f"round-01/mine/p{i}", per_job=3) for i in range(3)]
    submitted(executor, *mines)
    job = cluster.submissions[0][0][0]
    cluster.jobs.tell(job.label, Outcome(mines[0].name, 0))
    assert [outcome.stage for outcome in executor.ended(0)] == [mines[0].name]
    kept = cluster.jobs.read(job.label)
    assert kept
    assert list(kept.stages) == [mine.name for mine in mines[1:]]  # a requeued job does what is left
    cluster.jobs.begin(job.label, mines[1].name)
    cluster.end(job, "FAILED")
    assert [outcome.stage for outcome in executor.ended(0)] == [mines[1].name]
    executor.ended(0)
    assert [list(job.stages) for job in cluster.submissions[1][0]] == [[mines[2].name]]


@pytest.mark.parametrize(
    ("asked", "first", "second"), [({"mem": "4G"}, "4G", "8192M"), ({}, None, "4000M")], ids=["asked", "default"]
)
def test_twice_the_memory(cluster: Cluster, asked: dict[str, str], first: str | None, second: str) -> None:
    """Where the configuration names none, what squeue shows counts."""
    executor, train = cluster.executor(), stage(**asked)
    submitted(executor, train)
    cluster.end(cluster.submissions[0][0][0], "OUT_OF_MEMORY")
    (outcome,) = executor.ended(0)
    assert outcome.message.endswith(f"out of memory with {first or '2000M'}; the next attempt gets {second}")
    submitted(executor, train)
    assert [jobs[0].mem for jobs, _ in cluster.submissions] == [first, second]


def test_memory_that_nobody_knows(cluster: Cluster) -> None:
    executor, train = cluster.executor(), stage()
    submitted(executor, train)
    cluster.jobs.tell(cluster.submissions[0][0][0].label, Outcome(train.name, -9, "killed"))
    assert executor.ended(0)[0].message.endswith("out of memory with what the cluster gives; Set resources: train: mem")


def test_a_refused_submission_is_the_users_to_mend(cluster: Cluster) -> None:
    executor, train = cluster.executor(), stage()
    cluster.refusal = "sbatch: error: invalid partition specified: gpuu"
    outcomes = submitted(executor, train) or executor.ended(0)
    assert outcomes == [Outcome(train.name, 2, "round-01/train: sbatch: invalid partition specified: gpuu")]
    assert cluster.jobs.all() == []


def test_a_controller_that_is_away_is_waited_for(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    executor, train = cluster.executor(), stage()
    cluster.refusal, cluster.is_up = "sbatch: error: Unable to contact slurm controller", False
    assert submitted(executor, train) == []
    assert executor.ended(0) == []
    cluster.refusal, cluster.is_up = None, True
    executor.ended(0)
    assert len(cluster.submissions) == 1
    cluster.is_up = False  # now with a job: what cannot be asked is not taken for its end
    cluster.states.clear()
    assert executor.ended(0) == []


def test_an_outage_ends(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "OUTAGE_SECONDS", -1.0)
    cluster.refusal = "sbatch: error: Unable to contact slurm controller"
    executor = cluster.executor()
    assert [outcome.code for outcome in submitted(executor, stage()) or executor.ended(0)] == [2]


def test_the_next_driver_adopts_what_lives(cluster: Cluster) -> None:
    train, mine = stage(), stage("round-01/mine/p")
    submitted(cluster.executor(), train, mine)
    training, mining = (jobs[0] for jobs, _ in cluster.submissions)
    cluster.end(mining, "CANCELLED")
    again = cluster.executor()
    submitted(again, train, mine)
    assert [jobs[0].kind for jobs, _ in cluster.submissions] == ["train", "mine", "mine"]
    assert ("adopted", train.name, "job 1, submitted by the driver before this one") in cluster.events
    cluster.jobs.tell(training.label, Outcome(train.name, 0))
    assert [outcome.stage for outcome in again.ended(0)] == [train.name]


def test_a_driver_that_died_before_it_knew_the_id(cluster: Cluster) -> None:
    train = stage()
    job = Job("xling-train-ff", None, "train", {train.name: train.key([])})
    cluster.jobs.write(job)
    cluster.states[job.place] = State("77", "PENDING", "0")
    submitted(cluster.executor(), train)
    assert cluster.submissions == []
    assert cluster.events[-1][2].startswith("job 77,")


def test_a_job_that_does_other_work_is_ended(cluster: Cluster) -> None:
    train = stage()
    submitted(cluster.executor(), train)
    again = cluster.executor()
    again.submit(train, "another key")
    again.ended(0)
    assert cluster.cancelled == ["1"]
    assert len(cluster.submissions) == 2


def test_a_second_generation_that_nobody_needs_is_ended(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "IDLE_SECONDS", -1.0)
    executor, train = cluster.executor(), stage()
    submitted(executor, train)
    cluster.jobs.tell(cluster.submissions[0][0][0].label, Outcome(train.name, 0))
    executor.ended(0)
    executor.ended(0)
    assert cluster.cancelled == ["1"]


def test_a_hopeless_job_is_ended_and_has_failed(cluster: Cluster) -> None:
    executor, train = cluster.executor(), stage()
    submitted(executor, train)
    job = cluster.submissions[0][0][0]
    cluster.states[job.place] = State("1", "PENDING", "0", "launch failed requeued held")
    found = executor.ended(0) or executor.ended(0)
    assert [outcome.code for outcome in found] == [1]
    assert cluster.cancelled == ["1"]


@pytest.mark.parametrize(
    ("keeps", "is_up", "said", "cancelled", "left"),
    [
        (False, True, [], ["1", "2"], 0),
        (True, True, ["job {} ({}) goes on; the next driver of this run finds it"], [], 2),
        (False, False, ["job {0} ({1}) may still run. End it: scancel --name={2}"], [], 2),
    ],
)
def test_stop(
    cluster: Cluster, keeps: bool, is_up: bool, said: list[str], cancelled: list[str], left: int,
    restore_term: Callable[[], None],
) -> None:  # fmt: skip
    executor = cluster.executor()
    submitted(executor, stage(), stage("round-01/mine/p"))
    cluster.keeps, cluster.is_up = keeps, is_up
    jobs = [job for (job,), _ in cluster.submissions]
    expected = [line.format(job.id, *job.stages, job.name) for line in said for job in jobs]
    assert executor.stop() == expected
    assert cluster.cancelled == cancelled
    assert len(cluster.jobs.all()) == left
    told = [words for event, _, words in cluster.events if event == "cancelled"]
    assert told == (["job 1 (round-01/train)", "job 2 (round-01/mine/p)"] if cancelled else [])


@pytest.fixture
def restore_term() -> object:
    """Stopping shuts TERM out; the tests after this one want it back."""
    import signal

    previous = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, previous)


def test_without_jobs_nothing_is_asked_at_the_end(cluster: Cluster, restore_term: object) -> None:
    executor = cluster.executor()
    cluster.is_up = False
    assert executor.stop() == []
    assert os.listdir(cluster.run.root) == []
