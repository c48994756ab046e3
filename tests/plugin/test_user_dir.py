"""How fairseq finds us: `--user-dir` by name and by path, `register()`, and the traps on the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fairseq_xling import USER_DIR

pytestmark = pytest.mark.plugin

# What a process of our own sees of fairseq's registries: names whose class lives in our package, and modules loaded.
REPORT = """
import json, sys
from argparse import Namespace
from fairseq import utils
def user_dir(path):
    utils.import_user_module(Namespace(user_dir=path))
def ours(registry):
    return sorted(name for name, value in registry.items() if value.__module__.startswith("fairseq_xling."))
def report():
    from fairseq.criterions import CRITERION_REGISTRY
    from fairseq.models import ARCH_MODEL_REGISTRY, MODEL_REGISTRY
    from fairseq.tasks import TASK_REGISTRY
    found = {"tasks": ours(TASK_REGISTRY), "models": ours(MODEL_REGISTRY), "archs": ours(ARCH_MODEL_REGISTRY),
             "criterions": ours(CRITERION_REGISTRY), "folder": sys.modules["fairseq_xling"].__path__[0],
             "planted": sorted(name for name in sys.modules if "planted" in name)}
    print("REPORT" + json.dumps(found))
"""
NO_PATH = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}


def python(code: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = NO_PATH | ({"PYTHONPATH": str(path)} if path else {})
    command = [sys.executable, "-c", f"{REPORT}\n{code}\n"]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def report(code: str, cwd: Path, path: Path | None = None) -> dict[str, object]:
    done = python(f"{code}\nreport()", cwd, path)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.split("\n") if line.startswith("REPORT")]
    return dict(json.loads(lines[-1].removeprefix("REPORT")))


def train(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).with_name("fairseq-train")
    return subprocess.run([str(script), *arguments], cwd=cwd, env=NO_PATH, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def by_register(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What `register()` makes known, in a process that had the package imported before."""
    return report("import fairseq_xling; fairseq_xling.register()", tmp_path_factory.mktemp("register"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package under another path, with a task and an underscored module planted in it."""
    package = tmp_path / "elsewhere" / "fairseq_xling"
    shutil.copytree(USER_DIR, package, ignore=shutil.ignore_patterns("__pycache__"))
    task = "from fairseq.tasks import LegacyFairseqTask, register_task\n"
    task += "@register_task('planted')\nclass Planted(LegacyFairseqTask):\n    pass\n"
    (package / "tasks" / "planted.py").write_text(task, encoding="utf-8")
    (package / "tasks" / "_planted.py").write_text("raise RuntimeError('imported')\n", encoding="utf-8")
    return package


def test_our_task_is_registered(by_register: dict[str, object]) -> None:
    assert by_register["tasks"]
    assert by_register["models"]
    assert by_register["folder"] == USER_DIR


@pytest.mark.parametrize("user_dir", ["fairseq_xling", USER_DIR])
def test_user_dir_from_any_directory(by_register: dict[str, object], tmp_path: Path, user_dir: str) -> None:
    assert report(f"user_dir({user_dir!r})", tmp_path) == by_register


@pytest.mark.parametrize("user_dir", ["fairseq_xling", "./fairseq_xling"])
def test_user_dir_from_the_checkout(by_register: dict[str, object], root: Path, user_dir: str) -> None:
    assert report(f"user_dir({user_dir!r})", root) == by_register


def test_fairseq_train_knows_the_plug_in_from_any_directory(tmp_path: Path) -> None:
    done = train(tmp_path, "--user-dir", "fairseq_xling", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    # fairseq's help stops before a task's options; its complaint about a wrong one lists them.
    criss = ["--user-dir", "fairseq_xling", "--task", "criss", "--arch", "criss_tiny"]
    done = train(tmp_path, "data", *criss, "--no-such-option")
    assert done.returncode == 2
    assert "unrecognized arguments: --no-such-option" in done.stderr
    assert "--criss-langs" in done.stderr


def test_the_verb_prints_a_path_that_works(by_register: dict[str, object], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fairseq_xling", "user-dir"]
    path = subprocess.run(command, cwd=tmp_path, env=NO_PATH, capture_output=True, text=True, check=True).stdout.strip()
    assert report(f"user_dir({path!r})", tmp_path) == by_register


@pytest.mark.parametrize(
    "code",
    [
        "import fairseq_xling; fairseq_xling.register(); fairseq_xling.register()",
        "import fairseq_xling; fairseq_xling.register(); user_dir('fairseq_xling'); fairseq_xling.register()",
        f"user_dir({USER_DIR!r}); user_dir('fairseq_xling'); import fairseq_xling; fairseq_xling.register()",
    ],
)
def test_registering_again_changes_nothing(by_register: dict[str, object], tmp_path: Path, code: str) -> None:
    assert report(code, tmp_path) == by_register


def test_user_dir_after_an_import_registers_nothing_so_register_is_needed(
    by_register: dict[str, object], tmp_path: Path
) -> None:
    """fairseq's own behaviour; should it change one day, `register()` can go."""
    found = report(f"import fairseq_xling; user_dir({USER_DIR!r})", tmp_path)
    assert found["tasks"] == []
    assert found["folder"] == by_register["folder"]


def test_two_paths_are_refused(copy: Path, tmp_path: Path) -> None:
    for first, second in ((USER_DIR, str(copy)), (str(copy), USER_DIR)):
        done = python(f"user_dir({first!r}); user_dir({second!r})", tmp_path)
        assert done.returncode == 1
        last = done.stderr.strip().split("\n")[-1]
        assert last.startswith(f"ImportError: Failed to import --user-dir={second} because")
        assert "fairseq_xling" in last


def test_modules_with_an_underscore_are_left_alone(copy: Path, tmp_path: Path) -> None:
    by_path = report(f"user_dir({str(copy)!r})", tmp_path)
    by_call = report("import fairseq_xling; fairseq_xling.register()", tmp_path, path=copy.parent)
    assert by_path == by_call
    assert by_path["folder"] == str(copy)
    assert by_path["planted"] == ["fairseq_xling.tasks.planted"]
    assert "planted" in by_path["tasks"]  # type: ignore[operator]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = train(tmp_path, "--user-dir", "no_such_folder", "--help")
    assert done.returncode != 0
    assert "no_such_folder" in done.stderr.strip().split("\n")[-1]
