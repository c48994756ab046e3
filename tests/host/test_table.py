"""The table of edits: complete, tested row by row, fits fairseq 0.12.2, and leaves other versions alone aloud."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from fairseq.dataclass import configs
from host.disable_each_row import main, row_tests

import fairseq_xling_host
from fairseq_xling_host.edits import EDITS
from fairseq_xling_host.loading import DISABLE, EditingLoader, source_text
from fairseq_xling_host.rows import Edit

ROW = Edit("colour", "fairseq.paint", (("colour = 1\n", "colour = 2\n"),), why="one was no colour")


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def test_every_row_has_a_test() -> None:
    assert set(row_tests()) == {row.name for row in EDITS}


@pytest.mark.nightly
def test_every_row_is_missed_when_it_is_switched_off() -> None:
    assert main() == 0


def test_rows_are_named_once_and_explained() -> None:
    names = [row.name for row in EDITS]
    assert len(set(names)) == len(names)
    for row in EDITS:
        assert len(row.why) > 20
        assert row.upstream == "none known" or all(part.strip()[1:].isdigit() for part in row.upstream.split(","))


def test_no_line_moves() -> None:
    for row in EDITS:
        for old, new in row.changes:
            assert old.count("\n") == new.count("\n"), row.name
            assert old != new


def test_every_row_applies_to_0_12_2() -> None:
    assert metadata.version("fairseq").split("+")[0] == "0.12.2"
    assert {status.edit.name: status.state for status in fairseq_xling_host.status()} == dict.fromkeys(
        (row.name for row in EDITS), "applies"
    )


def test_the_file_on_disk_is_untouched_and_the_module_is_edited() -> None:
    assert isinstance(configs.__spec__.loader, EditingLoader)
    assert "__init_subclass__" not in (source_text("fairseq.dataclass.configs") or "")
    # inspect, tracebacks and TorchScript see the text that runs, under the line numbers of the file.
    assert "__init_subclass__" in inspect.getsource(configs.FairseqDataclass)
    on_disk = Path(configs.__file__).read_text(encoding="utf-8").splitlines()
    assert on_disk[inspect.getsourcelines(configs.CommonConfig)[1]].startswith("class CommonConfig")


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("colour = 1\n", "applies"),
        ("colour = 3\n", "already fixed"),
        ("colour = 1\ncolour = 1\n", "text found 2 times instead of once: 'colour = 1'"),
    ],
)
def test_states(text: str, state: str) -> None:
    assert ROW.state(text) == state


def test_a_fault_that_stays_under_another_text_is_reported() -> None:
    row = Edit("colour", "fairseq.paint", ROW.changes, why=ROW.why, hazard=r"colour\s*=\s*1\b")
    assert row.state("colour  =  1\n") == "text found 0 times instead of once: 'colour = 1'"
    assert row.state("colour = 12\n") == "already fixed"


@pytest.mark.parametrize("name", ["safe-load", "safe-load-ema"])
def test_a_fairseq_that_loads_anything_is_not_taken_for_one_that_is_fixed(name: str) -> None:
    """Development versions after 0.12.2 load with weights_only=False: that works, and runs what the file says."""
    row = next(row for row in EDITS if row.name == name)
    new = "new_" if name.endswith("ema") else ""
    assert row.state(f"{new}state = torch.load(f, weights_only=False)\n").startswith("text found 0 times")


@pytest.fixture
def other_fairseq(tmp_path: Path) -> Path:
    """A fairseq that is neither 0.12.2 nor mended: one module is fixed, one has the fault under another text."""
    files = {
        "fairseq/__init__.py": "",
        "fairseq/data/__init__.py": "",
        "fairseq/data/data_utils.py": "kinds = [int]\n",
        "fairseq/modules/__init__.py": "",
        "fairseq/modules/dynamic_crf_layer.py": "def worst():\n    return np.float('inf')\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_fork_that_is_fixed_is_left_alone(other_fairseq: Path) -> None:
    code = "import fairseq.data.data_utils as m, fairseq_xling_host as h; print(m.kinds, type(m.__loader__).__name__);"
    code += "print([s.state for s in h.status() if s.edit.name.startswith('numpy-') and 'data_utils' in s.edit.module])"
    done = python(code, PYTHONPATH=str(other_fairseq))
    assert done.stdout.split("\n")[1:2] == ["['already fixed', 'already fixed']"]
    assert (done.stdout.split("\n")[0].split(">")[0], done.stderr) == ("[<class 'int'", "")


def test_no_bytecode_is_written_for_an_edited_module(other_fairseq: Path) -> None:
    done = python("import fairseq.data.data_utils", PYTHONPATH=str(other_fairseq), PYTHONDONTWRITEBYTECODE="")
    assert done.returncode == 0
    cached = [path.name.partition(".")[0] for path in (other_fairseq / "fairseq" / "data" / "__pycache__").iterdir()]
    assert cached == ["__init__"]


def test_an_edit_that_does_not_fit_is_reported(other_fairseq: Path) -> None:
    code = "import fairseq.modules.dynamic_crf_layer, fairseq_xling_host as h;"
    code += "print({s.edit.name: (s.state, s.ok) for s in h.status()}['numpy-float'])"
    done = python(code, PYTHONPATH=str(other_fairseq))
    assert "the edit 'numpy-float' does not fit fairseq.modules.dynamic_crf_layer" in done.stderr
    assert "text found 0 times" in done.stdout
    assert "False" in done.stdout


def test_a_row_can_be_switched_off() -> None:
    code = "import fairseq_xling_host as h; print([s.edit.name for s in h.status() if s.state == 'disabled'])"
    assert python(code, **{DISABLE: "numpy-int,cpu-ddp"}).stdout == "['numpy-int', 'cpu-ddp']\n"
    done = python("import fairseq", **{DISABLE: "numpy-integer"})
    assert f"{DISABLE} names numpy-integer, which is no row of" in done.stderr


def test_start_up_and_status_import_neither_torch_nor_fairseq() -> None:
    code = "import sys; before = set(sys.modules); import fairseq_xling_host as h; h.status();"
    code += "print('fairseq_xling_host' in before, 'fairseq_xling_host.loading' in before,"
    code += "{'torch', 'fairseq', 'numpy'} & set(sys.modules))"
    assert python(code).stdout == "True False set()\n"


def test_start_up_takes_milliseconds() -> None:
    command = [sys.executable, "-X", "importtime", "-c", "pass"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    cost = [int(line.split("|")[1]) for line in lines if line.split("|")[-1].strip() == "fairseq_xling_host"]
    assert len(cost) == 1
    assert cost[0] < 10_000  # microseconds; it takes less than one thousand on an idle machine


@pytest.mark.plugin
def test_a_module_run_as_a_program_is_edited(tmp_path: Path) -> None:
    for name in ("sys", "ref"):
        (tmp_path / name).write_text("a b c d e\n", encoding="utf-8")
    command = [sys.executable, "-m", "fairseq_cli.score", "--sys", "sys", "--ref", "ref", "--sacrebleu"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "BLEU = 100.00" in done.stdout
