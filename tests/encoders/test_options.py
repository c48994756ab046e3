"""Faults and signatures of the options of encoding and translating."""

from __future__ import annotations

import pytest

from fairseq_xling.configs import config_faults
from fairseq_xling.encoders.options import EncodingConfig, TranslationConfig
from fairseq_xling.signatures import parse_signature


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (EncodingConfig(), []),
        (EncodingConfig(layer="0"), []),
        (EncodingConfig(layer="-1"), ["`layer` must be `last` or a number"]),
        (EncodingConfig(layer="first", max_tokens=0), ["`layer`", "`max_tokens` must be at least 1"]),
        (EncodingConfig(max_length=2), ["`max_length` must be at least 3"]),
        (TranslationConfig(), []),
        (TranslationConfig(sampling=True, sampling_topk=5), []),
        (TranslationConfig(beam=0, temperature=0), ["`beam`", "`temperature` must be above 0"]),
        (TranslationConfig(sampling_topk=5), ["`sampling_topk` is for drawing"]),
        (TranslationConfig(sampling_topp=0.5), ["Add --sampling, or leave --sampling-topp out"]),
        (TranslationConfig(sampling=True, sampling_topk=5, sampling_topp=0.5), ["exclude each other"]),
        (TranslationConfig(sampling=True, sampling_topp=1.5), ["at most 1"]),
    ],
)
def test_faults(config, words):
    faults = list(config_faults(config))
    assert len(faults) == len(words)
    for fault, word in zip(faults, words, strict=True):
        assert word in fault


def test_layer_numbers():
    assert (EncodingConfig().layer_number, EncodingConfig(layer="0").layer_number) == (None, 0)


def test_the_signature_says_what_decides_and_nothing_else():
    fields = parse_signature(TranslationConfig(max_tokens=5, buffer_size=7, seed=3).signature)
    assert {**fields, "xling": ""} == {"search": "beam", "beam": "5", "lenpen": "1", "xling": ""}
    drawn = parse_signature(TranslationConfig(sampling=True, seed=3, max_len_b=50, precision="bf16").signature)
    assert (drawn["search"], drawn["seed"], drawn["max-len-b"], drawn["precision"]) == ("sampling", "3", "50", "bf16")
