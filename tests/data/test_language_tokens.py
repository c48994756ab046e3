"""Which symbol goes where, spelled out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fairseq.data import Dictionary, LanguagePairDataset, ListDataset
from references import small_criss

from fairseq_xling.data.language_tokens import DualTokens, LanguageTokens, complete_dictionary, complete_with_mask
from fairseq_xling.errors import ConfigError


def plain(*more: str) -> Dictionary:
    return with_symbols(small_criss.dictionary(words=3, languages=None), *more)


def with_symbols(symbols: Dictionary, *more: str) -> Dictionary:
    for symbol in more:
        symbols.add_symbol(symbol)
    return symbols


class TestDictionary:
    def test_tokens_in_the_given_order_and_mask_last(self) -> None:
        symbols = plain()
        assert complete_dictionary(symbols, ["ro_RO", "fur"], "dict.txt") == ["ro_RO", "fur"]
        assert symbols.symbols[4:] == ["w0", "w1", "w2", "[ro_RO]", "[fur]", "<mask>"]

    def test_same_ids_as_fairseqs_multilingual_denoising(self) -> None:
        """What setup_task and __init__ of that task do, with --langs ro_RO,fur --add-lang-token."""
        theirs = plain()
        for language in ["ro_RO", "fur"]:
            theirs.add_symbol(f"[{language}]")
        theirs.add_symbol("<mask>")
        ours = plain()
        complete_dictionary(ours, ["ro_RO", "fur"], "dict.txt")
        assert ours.indices == theirs.indices

    @pytest.mark.parametrize("named", [None, ["bb"], ["bb", "aa"]])
    def test_a_complete_dictionary_stays_as_it_is(self, named: list[str] | None) -> None:
        symbols = plain("[aa]", "[bb]", "<mask>")
        assert complete_dictionary(symbols, named, "dict.txt") == ["aa", "bb"]
        assert len(symbols) == 4 + 3 + 3

    def test_brackets_among_the_pieces_are_no_languages(self) -> None:
        symbols = with_symbols(plain("[1]"), "▁x", "[]", "[aa]", "<mask>")
        assert complete_dictionary(symbols, None, "dict.txt") == ["aa"]

    @pytest.mark.parametrize(
        ("symbols", "languages", "fault"),
        [
            (plain(), None, "dict.txt has no language tokens, so --criss-langs must name"),
            (plain("[aa]", "<mask>", "w9"), ["aa"], "`<mask>` must be the last symbol, but is number 8 of 10"),
            (plain("[aa]", "<mask>"), ["aa", "ab"], r"unknown language `ab` \(known: aa\)"),
            (plain("[aa]"), ["aa", "bb"], "has the language tokens of aa but not `<mask>`"),
            (plain("<mask>"), None, "ends with `<mask>` but has no language tokens"),
        ],
    )
    def test_faults(self, symbols: Dictionary, languages: list[str] | None, fault: str) -> None:
        with pytest.raises(ConfigError, match=fault):
            complete_dictionary(symbols, languages, "dict.txt")


class TestTokens:
    sentence = torch.tensor([5, 6, 2])  # w1 w2 </s>

    def test_source_none(self) -> None:
        assert small_criss.language_tokens("none").source(self.sentence, "bb").tolist() == [5, 6, 2]

    def test_source_suffix(self) -> None:
        tokens = small_criss.language_tokens("suffix")
        assert tokens.source(self.sentence, "bb").tolist() == [5, 6, 2, tokens.dictionary.index("[bb]")]

    def test_target(self) -> None:
        tokens = small_criss.language_tokens()
        assert tokens.target(self.sentence, "cc").tolist() == [tokens.dictionary.index("[cc]"), 5, 6, 2]

    @pytest.mark.parametrize("style", ["none", "suffix"])
    def test_a_batch(self, style: str) -> None:
        """The decoder is given `</s> [tgt] y` and must say `[tgt] y </s>`."""
        tokens = small_criss.language_tokens(style)
        sentences = [self.sentence, torch.tensor([7, 2])]
        source = tokens.source_dataset(ListDataset(sentences, [3, 2]), "aa")
        target = tokens.target_dataset(ListDataset(sentences, [3, 2]), "bb")
        pair = LanguagePairDataset(
            source, source.sizes, tokens.dictionary, target, target.sizes, tokens.dictionary, shuffle=False
        )
        batch = pair.collater([pair[0], pair[1]])
        aa, bb, pad = tokens.index("aa"), tokens.index("bb"), 1
        assert batch["target"].tolist() == [[bb, 5, 6, 2], [bb, 7, 2, pad]]
        assert batch["net_input"]["prev_output_tokens"].tolist() == [[2, bb, 5, 6], [2, bb, 7, pad]]
        suffix = [aa] if style == "suffix" else []
        assert batch["net_input"]["src_tokens"].tolist() == [[5, 6, 2, *suffix], [pad, 7, 2, *suffix]]
        assert pair.size(0) == (3 + len(suffix), 4)

    def test_prefixes(self) -> None:
        tokens = small_criss.language_tokens()
        aa, bb = tokens.index("aa"), tokens.index("bb")
        assert tokens.prefix(2, "bb").tolist() == [[bb], [bb]]
        assert tokens.prefix_of(torch.tensor([[bb, 5, 2], [aa, 2, 1]])).tolist() == [[bb], [aa]]
        assert tokens.prefix_of(torch.tensor([[bb, 5, 2], [1, aa, 2]])).tolist() == [[bb], [aa]]

    def test_what_is_stripped_are_the_languages_alone(self) -> None:
        tokens = small_criss.language_tokens()
        assert {tokens.dictionary[i] for i in tokens.indices} == {"[aa]", "[bb]", "[cc]"}

    def test_faults(self) -> None:
        with pytest.raises(ConfigError, match=r"unknown language `ac` \(known: aa, bb, cc\)"):
            small_criss.language_tokens().index("ac")
        with pytest.raises(ConfigError, match="must be none .* or suffix .* but is 'prefix'"):
            LanguageTokens(small_criss.dictionary(), ["aa"], "prefix")


def plain_dictionary(*symbols: str) -> Dictionary:
    found = Dictionary()
    for symbol in ("w0", "w1", *symbols):
        found.add_symbol(symbol)
    return found


def test_both_sides_of_a_dual_encoder() -> None:
    symbols = plain_dictionary("[aa]", "[bb]", "<mask>")
    assert complete_with_mask(symbols, "dict.txt") == ["aa", "bb"]
    sentence = torch.tensor([4, 5, 2])
    for style, codes, expected in [
        ("first", False, [0, 4, 5, 2]),
        ("none", False, [4, 5, 2]),
        ("first", True, [0, 4, 5, 2, 7]),
    ]:
        tokens = DualTokens(symbols, ["aa", "bb"], style, codes)
        assert tokens.source(sentence, "bb").tolist() == expected
        assert tokens.added == len(expected) - 3
        assert tokens.needs_language == codes
        dataset = tokens.source_dataset(ListDataset([sentence], np.array([3])), "bb")
        assert dataset[0].tolist() == expected
        assert tokens.ordinary == (4, 6)


def test_the_mask_is_appended_where_it_is_missing() -> None:
    symbols = plain_dictionary()
    assert complete_with_mask(symbols, "dict.txt") == []
    assert symbols.symbols[-1] == "<mask>"
    assert DualTokens(symbols, []).ordinary == (4, 6)
    with pytest.raises(ConfigError, match="must be the last symbol, but is number 6 of 8"):
        complete_with_mask(plain_dictionary("<mask>", "w2"), "dict.txt")


def test_a_dual_encoder_keeps_its_style() -> None:
    tokens = DualTokens(plain_dictionary("<mask>"), [])
    with pytest.raises(ConfigError, match="as it was trained to"):
        tokens.restyled("suffix")
    with pytest.raises(ConfigError, match="--dual-style must be first"):
        DualTokens(tokens.dictionary, [], "suffix")
