"""A checkpoint with as many rows but other languages or another style is refused."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from references import small_criss

from fairseq_xling.errors import CheckpointError
from fairseq_xling.models._loading import Training
from fairseq_xling.tasks._agreement import agree, agree_with_start

OURS = ("aa", "bb", "cc")


def test_agreement() -> None:
    tokens = small_criss.language_tokens()
    agree(Training(), tokens)
    agree(Training(OURS, "none"), tokens)
    with pytest.raises(CheckpointError, match="trained with --criss-source-token suffix, but none is asked for"):
        agree(Training(OURS, "suffix"), tokens)
    with pytest.raises(CheckpointError, match="tokens are bb,aa,cc, but .* aa,bb,cc. Give --criss-langs bb,aa,cc"):
        agree(Training(("bb", "aa", "cc")), tokens)


class TestStart:
    """The checkpoint that training starts from."""

    @staticmethod
    def write(path: Path, languages: tuple[str, ...] = OURS, style: str = "none") -> str:
        state = {"criss": {"languages": list(languages), "source_token": style}}
        torch.save({"task_state": state, "model": {"w": torch.zeros(3)}}, path)
        return str(path)

    def test_finetuning(self, tmp_path: Path) -> None:
        start = self.write(tmp_path / "model.pt", languages=("bb", "aa", "cc"))
        options = small_criss.task_options("x", save_dir=str(tmp_path / "new"), finetune_from_model=start)
        with pytest.raises(CheckpointError, match="Give --criss-langs bb,aa,cc"):
            agree_with_start(options, small_criss.language_tokens())

    def test_another_style_is_a_warning(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        start = self.write(tmp_path / "model.pt", style="suffix")
        options = small_criss.task_options("x", save_dir=str(tmp_path / "new"), finetune_from_model=start)
        with caplog.at_level(logging.WARNING):
            agree_with_start(options, small_criss.language_tokens())
        assert "was trained with --criss-source-token suffix" in caplog.text

    def test_a_last_checkpoint_comes_first(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """fairseq ignores --finetune-from-model without a word where the save directory has a last checkpoint."""
        other = self.write(tmp_path / "model.pt", languages=("bb", "aa", "cc"))
        self.write(tmp_path / "checkpoint_last.pt")
        options = small_criss.task_options("x", save_dir=str(tmp_path), finetune_from_model=other)
        with caplog.at_level(logging.INFO):
            agree_with_start(options, small_criss.language_tokens())
        assert "--finetune-from-model is not read" in caplog.text

    def test_from_nothing(self, tmp_path: Path) -> None:
        agree_with_start(small_criss.task_options("x", save_dir=str(tmp_path)), small_criss.language_tokens())
