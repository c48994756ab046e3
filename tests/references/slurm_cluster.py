"""A private SLURM cluster on this machine: several slurmd in one folder, no systemd, everything ended by its pid."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from conftest import ROOT

from fairseq_xling.processes import die_with_parent

NODES = ("n1", "n2", "n3")
CORE = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db", "mariadb-admin")
# Debian keeps daemons where a plain user's PATH does not look.
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"])

# No cgroups, no binding; quick scheduling and quick detection of faults (SLURM's own defaults are minutes).
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerNode=3000
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmctldParameters=preempt_send_user_signal
SlurmdTimeout=5
SlurmctldTimeout=5
KillWait=3
MessageTimeout=5
TCPTimeout=2
BatchStartTimeout=10
UnkillableStepTimeout=20
InactiveLimit=0
CompleteWait=0
MinJobAge=3600
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
"""
PARTITIONS = """
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=5 PreemptMode=OFF
PartitionName=low Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=10
PartitionName=high Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""
DATABASE = """
[mysqld]
datadir={folder}/mysql
socket={folder}/mysql.sock
pid-file={folder}/mariadbd.pid
skip-networking
skip-name-resolve
user={user}
performance_schema=OFF
innodb_buffer_pool_size=64M
innodb_log_file_size=8M
innodb_lock_wait_timeout=900
innodb_flush_log_at_trx_commit=0
"""


class Cluster:
    """Daemons that run in the foreground as children of the tests."""

    def __init__(self, folder: Path, accounting: bool = False) -> None:
        assert len(str(folder)) <= 70, f"{folder}: a unix socket there would have too long a name"
        self.folder, self.accounting = folder, accounting
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.env |= {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": PATH, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    # ---- daemons

    def start(self) -> None:
        self._configure()
        self.call("mungekey", "-c", "-k", str(self.folder / "munge.key"))
        (self.folder / "munge.key").chmod(0o600)
        self._spawn("munged", "munged", "--foreground", f"--socket={self.folder}/munge.sock",
                    f"--key-file={self.folder}/munge.key", f"--pid-file={self.folder}/munged.pid",
                    f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munged.seed")  # fmt: skip
        wait_for(lambda: (self.folder / "munge.sock").exists(), 20, "munged")
        if self.accounting:
            self._start_accounting()
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        wait_for(lambda: self.idle() == len(NODES), 60, "the nodes")

    def _configure(self) -> None:
        self.folder.chmod(0o755)  # munged insists that everybody may reach its socket
        (self.folder / "state").mkdir()
        ports = iter(free_ports(len(NODES) + 2))
        host, user = socket.gethostname().partition(".")[0], getpass.getuser()
        text = CONF.format(folder=self.folder, host=host, user=user, port=next(ports))
        dbd = next(ports)
        if self.accounting:
            text += "AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\n"
            text += f"AccountingStoragePort={dbd}\nAccountingStoragePass={self.folder}/munge.sock\n"
            database = self.folder / "slurmdbd.conf"
            database.write_text(
                f"AuthType=auth/munge\nAuthInfo=socket={self.folder}/munge.sock\nDbdHost=localhost\n"
                f"DbdAddr=127.0.0.1\nDbdPort={dbd}\nSlurmUser={user}\nPidFile={self.folder}/slurmdbd.pid\n"
                f"LogFile={self.folder}/slurmdbd.log\nStorageType=accounting_storage/mysql\nStorageHost=localhost\n"
                "StorageUser=root\nStorageLoc=slurm_acct_db\n"
            )
            database.chmod(0o600)
            (self.folder / "my.cnf").write_text(DATABASE.format(folder=self.folder, user=user))
        else:
            text += "AccountingStorageType=accounting_storage/none\n"
        # Where it can be, each node has a name of its own that nothing resolves.
        self.named = os.geteuid() == 0 and subprocess.run(["unshare", "-u", "true"], check=False).returncode == 0
        for node in NODES:
            (self.folder / node).mkdir()
            name = node if self.named else host
            text += f"NodeName={node} NodeHostname={name} NodeAddr=127.0.0.1 Port={next(ports)} CPUs=4 "
            text += "Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=16000 "
            text += f"Weight={node[1:]} State=UNKNOWN\n"  # jobs go to n1 first, to n3 last
        (self.folder / "slurm.conf").write_text(text + PARTITIONS)

    def _start_accounting(self) -> None:
        settings = f"--defaults-file={self.folder}/my.cnf"
        self.call("mariadb-install-db", settings, "--auth-root-authentication-method=normal", "--skip-test-db")
        self._spawn("mariadbd", "mariadbd", settings)
        ping = ("mariadb-admin", "--no-defaults", f"--socket={self.folder}/mysql.sock", "--user=root", "ping")
        wait_for(lambda: self.asks(*ping).returncode == 0, 40, "mariadbd")
        self.env["MYSQL_UNIX_PORT"] = str(self.folder / "mysql.sock")
        self._spawn("slurmdbd", "slurmdbd", "-D")
        wait_for(lambda: self.asks("sacctmgr", "--noheader", "show", "cluster").returncode == 0, 40, "slurmdbd")

    def _spawn(self, name: str, *words: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as out:
            self.daemons[name] = subprocess.Popen(
                words, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                preexec_fn=die_with_parent,
            )  # fmt: skip

    def start_controller(self) -> None:
        self._spawn("slurmctld", "slurmctld", "-D")
        wait_for(lambda: self.asks("scontrol", "ping").stdout.find("is UP") >= 0, 30, "slurmctld")

    def start_node(self, node: str) -> None:
        words = ["slurmd", "-D", "-N", node]
        if self.named:
            words = ["unshare", "-u", "sh", "-c", 'hostname "$0" && exec "$@"', node, *words]
        self._spawn(node, *words)

    def idle(self) -> int:
        said = self.asks("sinfo", "--noheader", "--partition=main", "--states=idle,mixed,allocated", "--format=%D")
        return sum(int(line) for line in said.stdout.split())

    def kill(self, name: str) -> None:
        """SIGKILL to one daemon: the controller, or the slurmd of a node, whose jobs live on."""
        daemon = self.daemons.pop(name)
        daemon.kill()
        daemon.wait()

    def crash(self, node: str) -> int:
        """A power loss: the node's daemons and every process of its jobs; returns how many that were."""
        self.kill(node)
        found = self.processes(node)
        for pid in found:
            signal_to(pid, signal.SIGKILL)
        return len(found)

    def processes(self, node: str | None = None) -> list[int]:
        """Step daemons and job processes, of one node or of all."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            pid = int(place.name)
            try:
                title = (place / "cmdline").read_bytes()
                environment = (place / "environ").read_bytes().split(b"\0")
                opened = [os.readlink(fd) for fd in (place / "fd").iterdir()] if title.startswith(b"slurmstepd") else []
            except OSError:
                continue
            ours = f"SLURM_CONF={self.folder}/slurm.conf".encode() in environment
            of_job = ours and any(
                entry.startswith(b"SLURMD_NODENAME=") and (node is None or entry == f"SLURMD_NODENAME={node}".encode())
                for entry in environment
            )
            logs = {f"{self.folder}/slurmd.{name}.log" for name in ([node] if node else NODES)}
            if pid != os.getpid() and (of_job or logs & set(opened)):
                found.append(pid)
        return found

    def stop(self) -> None:
        """End all of it, jobs first."""
        if "slurmctld" in self.daemons:
            self.asks("scancel", f"--user={getpass.getuser()}")
        for name in [*NODES, "slurmctld", "slurmdbd", "mariadbd", "munged"]:
            daemon = self.daemons.pop(name, None)
            if daemon:
                daemon.terminate()
                try:
                    daemon.wait(15)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()
        for pid in self.processes():
            signal_to(pid, signal.SIGKILL)

    # ---- commands

    def asks(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, env=self.env, capture_output=True, text=True, check=False, timeout=120)

    def call(self, *words: str, cwd: Path | None = None) -> str:
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, check=False, timeout=120, cwd=cwd)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def drive(self, config: Path, run: Path, *options: str) -> str:
        """sbatch slurm/iterate.sh, as a person would; returns the driver's job."""
        run.parent.mkdir(parents=True, exist_ok=True)
        log = f"--output={run}.log"
        return self.call(
            "sbatch", "--parsable", log, *options, str(ROOT / "slurm" / "iterate.sh"), str(config), str(run)
        )

    def state(self, job: str) -> str:
        return self.call("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T")

    def jobs(self, kind: str) -> list[str]:
        """Ids of live jobs with stages of a kind."""
        lines = self.call("squeue", "--noheader", "--format=%A %j").splitlines()
        return [line.split()[0] for line in lines if line.split()[1].startswith(f"xling-{kind}-")]

    def node_of(self, job: str) -> str:
        """The last node of a running job."""
        shown = self.call("squeue", "--noheader", f"--jobs={job}", "--format=%N")
        return self.call("scontrol", "show", "hostnames", shown).split()[-1]

    def finish(self, job: str, run: Path, seconds: float) -> None:
        """Wait until the driver has ended well."""
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
        wait_for(lambda: self.state(job) in ended, seconds, f"job {job}", lambda: _tail(run))
        assert self.state(job) == "COMPLETED", _tail(run)


def _tail(run: Path) -> str:
    log = Path(f"{run}.log")
    return log.read_text(encoding="utf-8")[-6000:] if log.is_file() else "no log yet"


def signal_to(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_for(is_there: Callable[[], bool], seconds: float, what: str, more: Callable[[], str] = str) -> None:
    end = time.monotonic() + seconds
    while not is_there():
        assert time.monotonic() < end, f"{what}: nothing after {seconds:g} s\n{more()}"
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def missing_programs(accounting: bool) -> list[str]:
    return [name for name in CORE + (ACCOUNTING if accounting else ()) if shutil.which(name, path=PATH) is None]
