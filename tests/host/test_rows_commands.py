"""One test for each row of the table that mends a command or its options; it fails where the row is switched off."""

from __future__ import annotations

import builtins
import importlib
import subprocess
import sys
import warnings
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import pytest
from fairseq import options, utils
from fairseq.dataclass import FairseqDataclass
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq_cli import score

from fairseq_xling_host.edits import EDITS

NO_EVAL = {row.name: row.module for row in EDITS if row.name.startswith("no-eval-")}


def parsed(*arguments: str) -> Namespace:
    parser = options.get_training_parser()
    args: Namespace = options.parse_args_and_arch(parser, list(arguments))
    return args


@pytest.fixture(scope="module")
def hydra_warnings() -> str:
    """What hydra warns of, with every warning shown, while a fresh process imports and uses both of its users."""
    code = "import fairseq_cli.hydra_train\nfrom fairseq import options\n"
    code += "from fairseq.dataclass.utils import convert_namespace_to_omegaconf\n"
    code += "args = options.parse_args_and_arch(options.get_training_parser(), ['data', '--arch', 'transformer'])\n"
    code += "convert_namespace_to_omegaconf(args)\n"
    done = subprocess.run([sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=True)
    return "\n".join(line for line in done.stderr.splitlines() if "ydra" in line)


def test_mutable_defaults() -> None:
    @dataclass
    class Inner(FairseqDataclass):
        size: int = 3

    @dataclass
    class OldStyle(FairseqDataclass):
        inner: Inner = Inner()

    assert OldStyle().inner.size == 3
    assert OldStyle() == OldStyle()


def test_denoising_options() -> None:
    args = parsed("data", "--task", "denoising", "--arch", "bart_base", "--max-source-positions", "77")
    assert (args.max_source_positions, args.max_target_positions) == (77, 1024)


def test_bf16_without_tpu() -> None:
    args = parsed("data", "--arch", "transformer", "--bf16")
    assert (args.bf16, args.tpu) == (True, False)


def test_hydra_compose(hydra_warnings: str) -> None:
    assert hydra_warnings == ""
    cfg = convert_namespace_to_omegaconf(parsed("data", "--arch", "transformer", "--lr", "0.5", "--max-update", "3"))
    assert (cfg.optimization.lr, cfg.optimization.max_update, cfg.task.data) == ([0.5], 3, "data")


def test_hydra_main(hydra_warnings: str) -> None:
    assert "hydra_train.py" not in hydra_warnings


def test_user_dir_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "installed" / "host_test_user_dir"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("FOUND = True\n", encoding="utf-8")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.chdir(tmp_path)
    utils.import_user_module(Namespace(user_dir="host_test_user_dir"))
    assert sys.modules["host_test_user_dir"].FOUND
    with pytest.raises(FileNotFoundError, match="--user-dir no_such_package: .* no installed package"):
        utils.import_user_module(Namespace(user_dir="no_such_package"))


@pytest.mark.parametrize("row", NO_EVAL)
def test_no_eval(row: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module(NO_EVAL[row])
    evaluate = vars(module).get("eval", builtins.eval)
    assert evaluate("[(512, 3)] * 2 + [(1, 5)]") == [(512, 3), (512, 3), (1, 5)]
    written = tmp_path / "written"
    with pytest.raises(ValueError, match="made of numbers, strings, lists, tuples and dicts"):
        evaluate(f"open({str(written)!r}, 'w')")
    assert not written.exists()


def test_no_eval_reaches_the_options_of_a_checkpoint() -> None:
    assert utils.eval_str_list("[1, 2]", type=int) == [1, 2]
    assert utils.eval_str_list(" 0.5", type=float) == [0.5]
    assert utils.eval_str_dict("{'a': 1}") == {"a": 1}
    assert utils.eval_bool("False") is False
    assert utils.eval_bool(True, default=False) is False  # as Python's eval, it takes strings only
    with pytest.raises(ValueError, match="is not made of"):
        utils.eval_bool("print(1)")


@pytest.fixture
def scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """`fairseq-score` with a system file that has one word of eight wrong."""
    (tmp_path / "sys").write_text("a b c d e f g h\n", encoding="utf-8")
    (tmp_path / "ref").write_text("a b c d e f g x\n", encoding="utf-8")
    command = ["fairseq-score", "--sys", str(tmp_path / "sys"), "--ref", str(tmp_path / "ref")]
    monkeypatch.setattr(sys, "argv", command)
    return command


def test_sacrebleu_files(scored: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    scored.append("--sacrebleu")
    score.cli_main()
    # 7/8, 6/7, 5/6 and 4/5 of the n-grams match: their geometric mean is (1/2) ** (1/4).
    assert "BLEU = 84.09 87.5/85.7/83.3/80.0" in capsys.readouterr().out


def test_sentence_bleu(scored: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    scored.append("--sentence-bleu")
    score.cli_main()
    assert "0 BLEU4 =" in capsys.readouterr().out
