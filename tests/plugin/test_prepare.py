"""What `prepare` makes is what fairseq trains on: multilingual denoising, then the task criss, then our verbs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from references.written_model import prepare, write_texts

from fairseq_xling.cli.main import main

pytestmark = pytest.mark.plugin

SIZES = ["--encoder-layers", 1, "--decoder-layers", 1, "--encoder-embed-dim", 16, "--decoder-embed-dim", 16]
SIZES += ["--encoder-attention-heads", 2, "--decoder-attention-heads", 2]
SIZES += ["--encoder-ffn-embed-dim", 32, "--decoder-ffn-embed-dim", 32]
STEPS = ["--optimizer", "adam", "--lr", "1e-3", "--max-update", 3, "--max-tokens", 400, "--no-epoch-checkpoints"]
STEPS += ["--log-format", "simple", "--num-workers", 0]


def test_from_raw_text_to_vectors_and_translations(
    tmp_path: Path, fairseq: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_texts(tmp_path / "t")
    data = prepare(tmp_path / "t")
    noise = ["--tokens-per-sample", 64, "--sample-break-mode", "eos", "--mask", 0.3, "--mask-length", "span-poisson"]
    noise += ["--poisson-lambda", 3.5, "--replace-length", 1, "--add-lang-token", "--langs", "aa,bb,cc"]
    denoising = ["--task", "multilingual_denoising", "--arch", "criss_tiny", *noise]
    fairseq("train", data, *denoising, *SIZES, *STEPS, "--save-dir", "pretrained")
    rows = torch.load(tmp_path / "pretrained" / "checkpoint_last.pt", weights_only=False)["model"]
    symbols = (data / "dict.txt").read_text().count("\n") + 4
    assert rows["encoder.embed_tokens.weight"].size(0) == symbols

    start = ["--finetune-from-model", "pretrained/checkpoint_last.pt", "--criterion", "label_smoothed_cross_entropy"]
    criss = ["--task", "criss", "--arch", "criss_tiny", "--criss-pairs", "all", *start]
    fairseq("train", data, *criss, *SIZES, *STEPS, "--save-dir", "trained")

    # Neither dictionary nor SentencePiece model is named: the checkpoint says where it was trained.
    for checkpoint in ("pretrained", "trained"):
        model = ["--checkpoint", f"{checkpoint}/checkpoint_last.pt"]
        assert main(["encode", *model, "--lang", "aa", "--input", "t/mono.aa", "--output", f"v.{checkpoint}"]) == 0
        assert (tmp_path / f"v.{checkpoint}" / "manifest.json").is_file()
    words = ["--source", "aa", "--target", "bb", "--input", "t/mono.aa", "--output", "out", "--max-len-b", "9"]
    assert main(["translate", *model, *words]) == 0
    assert (tmp_path / "out").read_text().count("\n") == 60
