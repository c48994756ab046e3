from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fairseq_xling.cli.completion import option_words
from fairseq_xling.cli.main import VERBS, main


@pytest.fixture
def script(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """What `completion SHELL` prints, for the shell that the test names."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    assert main(["completion", request.param]) == 0
    path = tmp_path / "completion"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path


def shell(program: str, code: str, cwd: Path) -> list[str]:
    options = ["--norc", "--noprofile"] if program == "bash" else []
    done = subprocess.run([program, *options, "-c", code], capture_output=True, text=True, check=True, cwd=cwd)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def bash_completions(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of `words`, in a folder that holds two files."""
    (script.parent / "a file.txt").touch()
    (script.parent / "b.txt").touch()
    array = " ".join(f"'{word}'" for word in ("fairseq-xling", *words))
    code = f"source {script}; COMP_WORDS=({array}); COMP_CWORD={len(words)}; _fairseq_xling; "
    code += 'printf "%s\\n" "${COMPREPLY[@]}"; complete -p fairseq-xling'
    *offered, registered = shell("bash", code, script.parent)
    assert registered == "complete -o filenames -F _fairseq_xling fairseq-xling"
    return [word for word in offered if word]


@pytest.mark.parametrize("script", ["bash"], indirect=True)
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ([""], [*VERBS, "--help", "--version"]),
        (["us"], ["user-dir"]),
        (["--v"], ["--version"]),
        (["doctor", "--"], ["--help", "--spm", "--dict", "--json"]),
        (["doctor", "--j"], ["--json"]),
        (["completion", "z"], ["zsh"]),
        (["doctor", "a"], ["a file.txt"]),
        (["no-such-verb", "b"], ["b.txt"]),
        (["doctor", "zzz"], []),
    ],
)
def test_bash_offers(script: Path, words: list[str], offered: list[str]) -> None:
    assert sorted(bash_completions(script, *words)) == sorted(offered)


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh_reads_it(script: Path) -> None:
    code = f"autoload -U compinit; compinit -u -D; source {script}; "
    code += "print ${_comps[fairseq-xling]}; whence -w _fairseq_xling"
    offered = shell("zsh", code, script.parent)
    assert offered[-1] == "_fairseq_xling: function"
    assert "_fairseq_xling" in offered[0]


@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_fish_offers(script: Path) -> None:
    offered = shell("fish", f"source {script}; complete -C 'fairseq-xling us'", script.parent)
    assert [line.split("\t")[0] for line in offered] == ["user-dir"]


def test_every_verb_has_its_options_and_those_of_its_sub_verbs() -> None:
    words = option_words()
    assert list(words) == list(VERBS)
    assert words["completion"] == ["--help", "bash", "zsh", "fish"]
    assert {"tatoeba", "xsim", "bucc", "pairs", "--json"} <= set(words["evaluate"])
    assert all(len(set(found)) == len(found) for found in words.values())
