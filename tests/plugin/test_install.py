"""A wheel and three kinds of editable install: the host layer works from any directory, uninstalling is clean."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.plugin

PTH = "fairseq_xling_host.pth"
EDITABLE = {"lenient": [], "strict": ["editable_mode=strict"], "compat": ["editable_mode=compat"]}


class Environment:
    """A virtual environment that sees this one's libraries, but none of its .pth files: our package is not in it."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False)
        self.python = folder / "bin" / "python"
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.site = folder / "lib" / version / "site-packages"
        self.scripts = folder / "bin"
        (self.site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")

    def pip(self, *words: str) -> None:
        """This environment's pip at work on the other one; nothing is fetched."""
        command = [sys.executable, "-m", "pip", "--python", str(self.python), *words]
        quiet = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | quiet, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [str(self.python), *words]
        return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=clean, check=False)

    def files(self) -> set[str]:
        """What is installed, but for the bytecode that Python adds when it runs."""
        found = [*self.site.rglob("*"), *self.scripts.rglob("*")]
        return {str(path) for path in found if "__pycache__" not in path.parts}


@pytest.fixture
def source(root: Path, tmp_path: Path) -> Path:
    """A copy of the checkout's own files, so that building leaves nothing in it."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    target = tmp_path / "source"
    for name in names.split("\0"):
        if name and (root / name).is_file() and name.partition("/")[0] != "tests":
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, target / name)
    return target


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")


def check_commands(environment: Environment, cwd: Path) -> None:
    """fairseq runs, finds the plug-in by its bare name, and our command is there."""
    done = environment.run("-m", "fairseq_cli.train", "--user-dir", "fairseq_xling", "--help", cwd=cwd)
    assert done.returncode == 0, done.stderr
    # fairseq's help names no architectures, but it lists those it knows when it is asked for another.
    done = environment.run("-m", "fairseq_cli.train", "--user-dir", "fairseq_xling", "--arch", "none", cwd=cwd)
    assert "'criss_tiny'" in done.stderr
    code = "import fairseq_xling, fairseq_xling_host, json, sys;"
    code += "print(json.dumps([fairseq_xling.USER_DIR, [s.ok for s in fairseq_xling_host.status()]]))"
    folder, states = json.loads(environment.run("-c", code, cwd=cwd).stdout)
    assert all(states)
    printed = subprocess.run(
        [str(environment.scripts / "fairseq-xling"), "user-dir"], cwd=cwd, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == folder


def check_gone(environment: Environment, before: set[str], cwd: Path) -> None:
    environment.pip("uninstall", "--yes", "fairseq-xling")
    assert environment.files() - before == set()
    started = environment.run("-c", "import sys; print('fairseq_xling_host' in sys.modules)", cwd=cwd)
    assert (started.stdout, started.stderr) == ("False\n", "")
    # Without us fairseq is what it was.
    assert "mutable default" in environment.run("-c", "import fairseq", cwd=cwd).stderr


def test_wheel(environment: Environment, source: Path, tmp_path: Path) -> None:
    before, elsewhere = environment.files(), tmp_path / "elsewhere"
    elsewhere.mkdir()
    wheels = tmp_path / "wheels"
    environment.pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(source))
    environment.pip("install", "--no-deps", "--ignore-installed", *map(str, wheels.iterdir()))
    assert (environment.site / PTH).read_text(encoding="utf-8") == "import fairseq_xling_host\n"
    check_commands(environment, elsewhere)
    check_gone(environment, before, elsewhere)


@pytest.mark.parametrize("mode", EDITABLE)
def test_editable(environment: Environment, source: Path, tmp_path: Path, mode: str) -> None:
    before, elsewhere = environment.files(), tmp_path / "elsewhere"
    elsewhere.mkdir()
    settings = [word for setting in EDITABLE[mode] for word in ("--config-settings", setting)]
    flags = ["--no-deps", "--no-build-isolation", "--ignore-installed"]
    environment.pip("install", *flags, *settings, "--editable", str(source))
    assert (environment.site / PTH).read_text(encoding="utf-8") == "import fairseq_xling_host\n"
    check_commands(environment, elsewhere)
    if mode == "lenient":
        # The checkout is what runs: a change there is seen at once.
        with (source / "fairseq_xling" / "__init__.py").open("a", encoding="utf-8") as file:
            file.write("CHANGED = 1\n")
        assert environment.run("-c", "import fairseq_xling; fairseq_xling.CHANGED", cwd=elsewhere).returncode == 0
    check_gone(environment, before, elsewhere)
