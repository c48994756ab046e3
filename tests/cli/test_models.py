"""The options that name a checkpoint: what is loaded, refused, and trusted."""

from __future__ import annotations

import argparse
import os

import pytest
import torch

from fairseq_xling.cli.main import main
from fairseq_xling.cli.models import TRUST, add_model, model_choice


class Touches:
    """Unpickling this makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.makedirs, (str(self.path), 0o777, True)


def test_choice(monkeypatch):
    monkeypatch.delenv(TRUST, raising=False)
    parser = argparse.ArgumentParser()
    add_model(parser, parser, required=True)
    named = model_choice(parser.parse_args(["--checkpoint", "c.pt", "--dict", "d", "--spm", "s", "--langs", "aa,bb"]))
    assert (named.checkpoint, named.dictionary, named.spm, named.languages) == ("c.pt", "d", "s", ["aa", "bb"])
    plain = model_choice(parser.parse_args(["--checkpoint", "c.pt"]))
    assert (plain.dictionary, plain.spm, plain.languages) == (None, None, None)
    assert TRUST not in os.environ


@pytest.mark.parametrize("verb", ["encode", "translate"])
def test_a_checkpoint_that_runs_code_needs_trust(written_model, tmp_path, monkeypatch, capsys, verb):
    monkeypatch.setenv(TRUST, "0")
    state = torch.load(written_model.checkpoint, weights_only=False)
    torch.save({**state, "more": Touches(tmp_path / "ran")}, tmp_path / "unsafe.pt")
    text, out = str(written_model.texts / "mono.aa"), str(tmp_path / "out")
    words = [verb, "--checkpoint", str(tmp_path / "unsafe.pt"), "--input", text, "--output", out]
    words += ["--lang", "aa"] if verb == "encode" else ["--source", "aa", "--target", "bb", "--max-len-b", "5"]
    assert main(words) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert f"set {TRUST}=1" in complaint
    assert not (tmp_path / "ran").exists()
    assert main([*words, "--trust-checkpoint"]) == 0
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no checkpoint at all"])
def test_what_is_no_checkpoint(written_model, tmp_path, capsys, content):
    (tmp_path / "bad.pt").write_bytes(content)
    given = ["--dict", str(written_model.data / "dict.txt"), "--input", str(written_model.texts / "mono.aa")]
    assert main(["encode", "--checkpoint", str(tmp_path / "bad.pt"), *given, "--output", str(tmp_path / "v")]) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert "bad.pt" in complaint
    assert not (tmp_path / "v").exists()
