"""One line and exit code 2 inside fairseq's commands, the error itself everywhere else."""

from __future__ import annotations

import sys

import pytest
from torch.multiprocessing import ProcessExitedException

from fairseq_xling.errors import CorpusError, RoundError
from fairseq_xling.models._errors import in_fairseq_command, pass_on_exit_code, user_errors

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


class TestProcesses:
    """What a command does when a process that it started ended with the user's error."""

    @pytest.fixture
    def hooked(self, monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
        """The errors that come through to the hook that was there before."""
        seen = list[BaseException]()
        monkeypatch.setattr(sys, "excepthook", lambda kind, error, traceback: seen.append(error))
        return seen

    @staticmethod
    def raised(exit_code: int) -> None:
        error = ProcessExitedException("ended", 0, 1, exit_code)
        sys.excepthook(type(error), error, None)

    def test_the_same_exit_code_without_a_traceback(
        self, hooked: list[BaseException], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", COMMANDS[:1])
        pass_on_exit_code()
        pass_on_exit_code()
        with pytest.raises(SystemExit) as ended:
            self.raised(2)
        assert ended.value.code == 2
        self.raised(1)
        assert len(hooked) == 1

    def test_not_outside_fairseqs_commands(self, hooked: list[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", OTHERS[:1])
        pass_on_exit_code()
        self.raised(2)
        assert len(hooked) == 1
