"""`translate` and fairseq-generate on the same options: the same lines."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from references.written_model import WrittenModel

from fairseq_xling.cli.main import main

pytestmark = pytest.mark.plugin


def by_number(printed: str, kind: str) -> list[str]:
    """The last column of fairseq's KIND-n lines in the order of n."""
    found = {int(n): rest.split("\t")[-1] for n, rest in re.findall(rf"^{kind}-(\d+)\t(.*)$", printed, re.MULTILINE)}
    return [found[n] for n in range(len(found))]


def test_the_same_translations(
    written_model: WrittenModel, fairseq: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = written_model.texts / "pairs" / "test.aa-bb.aa"
    search = ["--beam", "3", "--lenpen", "0.7", "--max-len-b", "15", "--no-repeat-ngram-size", "3"]
    shown = ["--remove-bpe", "sentencepiece", "--scoring", "sacrebleu"]
    data, checkpoint = written_model.data, str(written_model.checkpoint)
    given = [data, "--task", "criss", "-s", "aa", "-t", "bb", "--path", checkpoint]
    printed = fairseq("generate", *given, *shown, *search)
    capsys.readouterr()
    words = ["--checkpoint", checkpoint, "--source", "aa", "--target", "bb", "--input", str(text)]
    assert main(["translate", *words, *search]) == 0
    ours = capsys.readouterr().out.split("\n")[:-1]
    assert ours == by_number(printed, "H")
    assert len(set(ours)) > 20
    assert by_number(printed, "S") == text.read_text().split("\n")[:-1]


def test_from_stdin_as_fairseq_interactive(
    written_model: WrittenModel, fairseq: Callable[..., str], run_cli: Callable[..., object]
) -> None:
    lines = (written_model.texts / "mono.bb").read_text().split("\n")[:5]
    search = ["--beam", "2", "--max-len-b", "12"]
    bpe = ["--bpe", "sentencepiece", "--sentencepiece-model", written_model.data / "spm.model"]
    given = [written_model.data, "--task", "criss", "-s", "bb", "-t", "cc", "--path", written_model.checkpoint]
    printed = fairseq("interactive", *given, *bpe, *search, stdin="\n".join(lines) + "\n")
    words = ["--checkpoint", written_model.checkpoint, "--source", "bb", "--target", "cc", *search]
    done = run_cli("translate", *words, stdin="\n".join(lines) + "\n")
    assert done.stdout.split("\n")[:-1] == by_number(printed, "D")
