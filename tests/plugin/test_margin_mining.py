"""Margins that fairseq-generate prints, against `encode` and `score` over the same texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from references.written_model import WrittenModel

from fairseq_xling.cli.main import main
from fairseq_xling.text.pieces import Pieces

pytestmark = pytest.mark.plugin


def test_printed_margins_are_those_of_score(
    written_model: WrittenModel, fairseq: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, checkpoint = written_model.data, written_model.checkpoint
    mining = ["--mining-k", "3", "--mining-margin", "distance"]
    words = [data, "--task", "margin_mining", "-s", "aa", "-t", "bb", "--path", checkpoint, *mining]
    printed = fairseq("generate", *words, "--max-tokens", "200")
    found = {int(n): (float(m), text) for n, m, text in re.findall(r"^H-(\d+)\t(\S+)\t(.*)$", printed, re.MULTILINE)}
    assert len(found) == 30

    texts = {code: written_model.texts / "pairs" / f"test.aa-bb.{code}" for code in ("aa", "bb")}
    for code, text in texts.items():
        words = ["encode", "--checkpoint", str(checkpoint), "--lang", code, "--input", str(text)]
        assert main([*words, "--output", f"v.{code}"]) == 0
    pieces = list(Pieces(data / "spm.model").encode_lines(texts["bb"].read_text().split("\n")[:-1]))
    ids = [(i, pieces.index(found[i][1])) for i in range(30)]
    (tmp_path / "pairs.tsv").write_text("".join(f"0\t{i}\t{j}\n" for i, j in ids))
    sides = ["--source", "v.aa", "--target", "v.bb", *mining[:2], "--margin", "distance"]
    assert main(["score", *sides, "--pairs", "pairs.tsv", "--output", "scores.tsv"]) == 0
    scores = [float(line.split("\t")[0]) for line in (tmp_path / "scores.tsv").read_text().split("\n")[:-1]]
    assert scores == pytest.approx([found[i][0] for i in range(30)], abs=1e-4)

    # And they are the best ones: `mine` retrieves the same targets.
    assert main(["mine", *sides, "--retrieval", "forward", "--threshold", "-9", "--output", "mined.tsv"]) == 0
    mined = [line.split("\t") for line in (tmp_path / "mined.tsv").read_text().split("\n")[:-1]]
    assert sorted((int(i), int(j)) for _, i, j in mined) == ids


def test_nbest_and_a_refusal(written_model: WrittenModel, fairseq: Callable[..., str]) -> None:
    words = [written_model.data, "--task", "margin_mining", "-s", "cc", "-t", "bb", "--path", written_model.checkpoint]
    printed = fairseq("generate", *words, "--nbest", "2", "--beam", "2", "--gen-subset", "train")
    margins: dict[str, list[float]] = {}
    for n, margin in re.findall(r"^H-(\d+)\t(\S+)\t", printed, re.MULTILINE):
        margins.setdefault(n, []).append(float(margin))
    assert len(margins) == 60
    assert all(len(two) == 2 and two[0] >= two[1] for two in margins.values())
    complaint = fairseq("generate", *words, "--mining-margin", "product", status=2)
    last = complaint.strip().split("\n")[-1]
    assert last == "fairseq-xling: error: --mining-margin must be one of ratio, distance, absolute, but is 'product'"
