"""A rank of torch.distributed under srun: says what torch reads from the environment, then becomes the program.

  srun … python -m fairseq_xling.rounds.executors.rank fairseq-train …

Addresses are numbers throughout, since the names of a cluster's nodes need not resolve on the nodes themselves.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence

from fairseq_xling.rounds.stages import Resources

_SIOCGIFADDR = 0x8915
_LOOPBACK = "127.0.0.1"


def launcher(resources: Resources, cpus: int) -> list[str]:
    """Words before a training command: a process for each GPU of each node, or one for each node without GPUs."""
    if resources.nodes == 1:
        return []
    tasks = max(1, resources.gpus)
    layout = [f"--nodes={resources.nodes}", f"--ntasks-per-node={tasks}", f"--cpus-per-task={max(1, cpus // tasks)}"]
    return ["srun", *layout, "--kill-on-bad-exit=1", "--mpi=none", "--export=ALL", sys.executable, "-m", __name__]


def rendezvous(environment: Mapping[str, str]) -> dict[str, str]:
    """MASTER_ADDR and MASTER_PORT of a job whose first node this process runs on."""
    shown = _scontrol("show", "hostnames", environment["SLURM_JOB_NODELIST"]).split()
    address = _LOOPBACK if len(shown) == 1 else own_address(node_address(shown[-1]))
    with socket.socket() as probe:
        probe.bind((address, 0))
        return {"MASTER_ADDR": address, "MASTER_PORT": str(probe.getsockname()[1])}


def node_address(node: str) -> str:
    """Where SLURM itself reaches a node."""
    found = re.search(r"\bNodeAddr=(\S+)", _scontrol("--oneliner", "show", "node", node))
    name = found[1] if found else node
    return str(socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])


def own_address(peer: str) -> str:
    """The address of this machine from which packets to `peer` leave; none is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((peer, 9))
        return str(probe.getsockname()[0])


def interface_of(address: str) -> str | None:
    """The network interface that carries an address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:  # an interface without an address
                continue
            if socket.inet_ntoa(answer[20:24]) == address:
                return name
    return None


def rank_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What torch.distributed and gloo are to know, from what srun has set and MASTER_ADDR."""
    found = {
        "RANK": environment["SLURM_PROCID"],
        "LOCAL_RANK": environment["SLURM_LOCALID"],
        "WORLD_SIZE": environment.get("SLURM_STEP_NUM_TASKS") or environment["SLURM_NTASKS"],
    }
    # gloo would ask for the address of this host's name, and fall back to loopback where that does not resolve.
    interface = interface_of(own_address(environment["MASTER_ADDR"]))
    return found | ({"GLOO_SOCKET_IFNAME": interface} if interface and "GLOO_SOCKET_IFNAME" not in environment else {})


def _scontrol(*words: str) -> str:
    return subprocess.run(["scontrol", *words], capture_output=True, text=True, check=True).stdout


def main(words: Sequence[str]) -> None:
    os.execvpe(words[0], list(words), os.environ | rank_environment(os.environ))


if __name__ == "__main__":
    main(sys.argv[1:])
