"""Translations in the order of their lines, whatever the batches; fairseq's own generator decides what they are."""

from __future__ import annotations

import pytest
import torch
from fairseq.sequence_generator import SequenceGenerator

from fairseq_xling.encoders.opening import ModelChoice, open_model
from fairseq_xling.encoders.options import TranslationConfig
from fairseq_xling.encoders.translation import Translator
from fairseq_xling.errors import ConfigError
from fairseq_xling.text.pieces import PiecesConfig, train_pieces


@pytest.fixture
def opened(written_model):
    return open_model(ModelChoice(str(written_model.checkpoint)))


@pytest.fixture
def lines(written_model):
    found = (written_model.texts / "mono.aa").read_text().split("\n")[:12]
    return [*found[:6], "", *found[6:], " "]


def slowly(opened, line, target):
    """One sentence through fairseq's generator, the language token forced by hand."""
    dictionary = opened.tokens.dictionary
    generator = SequenceGenerator([opened.model], dictionary, beam_size=3, max_len_b=15)
    ids = opened.sentence(line)[None]
    sample = {"net_input": {"src_tokens": ids, "src_lengths": torch.tensor([ids.size(1)])}}
    prefix = torch.tensor([[opened.tokens.index(target)]])
    best = generator.generate([opened.model], sample, prefix_tokens=prefix)[0][0]["tokens"].tolist()
    assert best[0] == opened.tokens.index(target)
    words = [number for number in best if number not in opened.tokens.indices]
    return dictionary.string(torch.tensor(words), "sentencepiece")


@pytest.mark.parametrize("max_tokens", [1, 40, 8192])
def test_translations(opened, lines, max_tokens):
    translator = Translator(opened, TranslationConfig(beam=3, max_len_b=15, max_tokens=max_tokens))
    done = list[int]()
    translator.on_batch = done.append
    found = translator.translate(lines, "aa", "bb")
    assert found == [slowly(opened, line, "bb") if line.strip() else "" for line in lines]
    assert sum(done) == len(lines)
    assert len(set(found)) > 5


def test_every_direction_with_one_translator(opened, lines):
    translator = Translator(opened, TranslationConfig(beam=3, max_len_b=15))
    into = {target: translator.translate(lines, "aa", target) for target in ("bb", "cc")}
    assert into["bb"] != into["cc"]
    assert into["cc"][0] == slowly(opened, lines[0], "cc")
    assert Translator(opened, TranslationConfig(beam=3, max_len_b=15)).translate(lines, "aa", "bb") == into["bb"]


def test_portions_and_draws(opened, lines):
    config = TranslationConfig(beam=2, max_len_b=15, sampling=True, seed=4, buffer_size=5)
    translator = Translator(opened, config)
    first, again = (list(translator.stream(iter(lines), "aa", "bb")) for _ in range(2))
    assert first == again
    assert len(first) == len(lines)
    other = Translator(opened, TranslationConfig(beam=2, max_len_b=15, sampling=True, seed=5, buffer_size=5))
    assert list(other.stream(iter(lines), "aa", "bb")) != first
    beams = TranslationConfig(beam=3, max_len_b=15)
    whole = Translator(opened, beams).translate(lines, "aa", "bb")
    portions = Translator(opened, TranslationConfig(beam=3, max_len_b=15, buffer_size=3))
    assert list(portions.stream(iter(lines), "aa", "bb")) == whole


def test_a_source_too_long_is_cut(opened):
    translator = Translator(opened, TranslationConfig(beam=1, max_len_b=15))
    assert translator.translate([" ".join(["takipi"] * 200)], "aa", "bb") != [""]
    assert translator.cut == 1


def test_byte_pieces_become_characters(opened, tmp_path):
    (tmp_path / "t").write_text("a b c\n" * 9)
    spm = train_pieces([tmp_path / "t"], tmp_path / "m", PiecesConfig(vocabulary=263, byte_fallback=True))
    opened.pieces = spm
    translator, symbols = Translator(opened), opened.tokens.dictionary
    for piece in spm.encode("é\nb"):
        symbols.add_symbol(piece)
    ids = torch.tensor([symbols.index(piece) for piece in spm.encode("a é")])
    assert translator._text(ids) == symbols.string(ids, "sentencepiece").replace("<0xC3><0xA9>", "é")


def test_lines_of_pieces_give_lines_of_pieces(written_model, opened, lines):
    plain = open_model(ModelChoice(str(written_model.checkpoint), spm="none"))
    config = TranslationConfig(beam=3, max_len_b=15)
    pieces = list(opened.pieces.encode_lines(lines))
    found = Translator(plain, config).translate(pieces, "aa", "bb")
    joined = [line.replace(" ", "").replace("▁", " ").strip() for line in found]
    assert joined == Translator(opened, config).translate(lines, "aa", "bb")
    assert any("▁" in line for line in found)


def test_faults(opened):
    with pytest.raises(ConfigError, match="unknown language `xx`"):
        Translator(opened).translate(["takipi"], "aa", "xx")
    with pytest.raises(ConfigError, match="more than the 64 positions"):
        Translator(opened, TranslationConfig(max_length=65))


def test_the_options_are_all_given_to_fairseq(opened):
    """Every option of the search changes fairseq's generator as its own namesake does."""
    changed = {
        "lenpen": 0.5,
        "unkpen": 0.7,
        "max_len_a": 1.5,
        "min_len": 4,
        "no_repeat_ngram_size": 2,
        "temperature": 2.0,
    }
    ours = Translator(opened, TranslationConfig(beam=2, **changed))._generator
    theirs = SequenceGenerator([opened.model], opened.tokens.dictionary, beam_size=2)
    assert (ours.len_penalty, ours.unk_penalty, ours.max_len_a, ours.min_len) == (0.5, 0.7, 1.5, 4)
    assert (ours.temperature, ours.beam_size) == (2.0, theirs.beam_size)
    assert ours.repeat_ngram_blocker is not None
    assert theirs.repeat_ngram_blocker is None
