"""One test for each row of the table that mends tasks and modules; it fails where the row is switched off."""

from __future__ import annotations

import logging
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from fairseq.data import Dictionary, indexed_dataset
from fairseq.models.transformer import TransformerConfig
from fairseq.modules.transformer_layer import TransformerEncoderLayerBase
from fairseq.tasks.multilingual_denoising import MultilingualDenoisingTask
from fairseq.tasks.translation_from_pretrained_bart import TranslationFromPretrainedBARTTask


def encoder_layer() -> TransformerEncoderLayerBase:
    """A post-norm relu layer of width 8, the kind that the fused call was made for."""
    config = TransformerConfig()
    config.encoder.embed_dim = config.encoder.ffn_embed_dim = 8
    config.encoder.attention_heads = 2
    torch.manual_seed(1)
    return TransformerEncoderLayerBase(config)


def test_encoder_fast_path() -> None:
    layer = encoder_layer().eval()
    source = torch.randn(4, 3, 8)
    padding = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1]], dtype=torch.bool)
    with torch.no_grad():
        before = layer(source, padding)
        layer.load_state_dict(layer.state_dict())
        after = layer(source, padding)
    assert torch.equal(before, after)


def test_pretrained_bart_args() -> None:
    args = Namespace(langs="fur,lij", source_lang="fur", target_lang="lij", left_pad_source=True, left_pad_target=False)
    task = TranslationFromPretrainedBARTTask(args, Dictionary(), Dictionary())
    assert task.args is args
    generator = task.build_generator([_Decoder(task.tgt_dict)], Namespace(beam=1))
    assert generator.eos == task.tgt_dict.index("[lij]")


class _Decoder(torch.nn.Module):
    """As much of a model as a SequenceGenerator looks at when it is built."""

    def __init__(self, dictionary: Dictionary) -> None:
        super().__init__()
        self.encoder = torch.nn.Module()
        self.decoder = torch.nn.Module()

    def max_decoder_positions(self) -> int:
        return 10


def test_denoising_log_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    dictionary = Dictionary()
    dictionary.add_symbol("a", n=9)
    dictionary.save(str(tmp_path / "dict.txt"))
    for language in ("fur", "lij"):
        (tmp_path / language).mkdir()
        prefix = tmp_path / language / "valid"
        builder = indexed_dataset.make_builder(f"{prefix}.bin", impl="mmap", vocab_size=len(dictionary))
        builder.add_item(torch.tensor([4, 4, 2]))
        builder.finalize(f"{prefix}.idx")
    args = Namespace(
        data=str(tmp_path), langs="fur,lij", add_lang_token=True, seed=1, multilang_sampling_alpha=1.0,
        no_whole_word_mask_langs="", mask_length="subword", tokens_per_sample=8, sample_break_mode="eos",
        train_subset="train", valid_subset="valid", dataset_impl=None, mask=0.3, mask_random=0.0, insert=0.0,
        rotate=0.0, permute_sentences=0.0, replace_length=1, poisson_lambda=3.0, bpe=None,
    )  # fmt: skip
    task = MultilingualDenoisingTask.setup_task(args)
    with caplog.at_level(logging.INFO):
        task.load_dataset("valid")
    assert "Language to id mapping: {'fur': 0, 'lij': 1}" in caplog.messages
    assert len(task.dataset("valid")) == 2
