"""One line and exit code 2 inside fairseq's commands, the error itself everywhere else."""

from __future__ import annotations

import sys

import pytest

from fairseq_xling.errors import CorpusError, RoundError
from fairseq_xling.models._errors import in_fairseq_command, user_errors

COMMANDS = ["/x/bin/fairseq-train", "/x/site-packages/fairseq_cli/train.py", "fairseq-hydra-train"]
OTHERS = ["/x/bin/fairseq-xling", "/x/bin/pytest", "", "/x/ipykernel_launcher.py"]


@pytest.mark.parametrize("program", COMMANDS)
def test_in_a_command(program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [program])
    with pytest.raises(SystemExit) as ended, user_errors():
        raise CorpusError("the file is empty. Fill it.")
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", "fairseq-xling: error: the file is empty. Fill it.\n")


@pytest.mark.parametrize("program", OTHERS)
def test_elsewhere(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [program])
    assert not in_fairseq_command()
    with pytest.raises(CorpusError, match="empty"), user_errors():
        raise CorpusError("the file is empty. Fill it.")


def test_our_own_faults_keep_their_traceback_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", COMMANDS[:1])
    with pytest.raises(KeyError), user_errors():
        raise KeyError("a fault of ours")
    with pytest.raises(SystemExit) as ended, user_errors():
        raise RoundError("the stage failed")
    assert ended.value.code == 1
