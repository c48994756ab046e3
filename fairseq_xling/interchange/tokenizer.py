"""A SentencePiece model and a fairseq dictionary as Hugging Face's tokenizer.json, whose ids are the dictionary's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fairseq_xling.errors import CheckpointError, MissingDependencyError
from fairseq_xling.interchange.sentencepiece_model import (
    BPE,
    NORMAL,
    UNIGRAM,
    USER_DEFINED,
    SentencePieceModel,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

REQUIREMENT = "transformers>=5"
UNK, MASK, SPACE = "<unk>", "<mask>", "▁"
# Below the sum of any line's scores, so that no text is ever cut into a symbol that is no piece.
_UNREACHABLE = -1e4


def fast_tokenizer(
    model: SentencePieceModel, symbols: Sequence[str], special: Sequence[str], template: Sequence[str]
) -> Tokenizer:
    """A tokenizer whose id of a piece is its place in `symbols`, and that puts a line where `template` has "$A".

    `special` are tokens that text never contains; pieces that are not among the symbols are left out.
    """
    try:
        from tokenizers import AddedToken, Tokenizer, processors
    except ImportError as fault:
        raise missing() from fault
    _check(model)
    tokenizer = Tokenizer(_model(model, symbols))
    tokenizer.normalizer, tokenizer.decoder = _normalizer(model), _decoder()
    cuts = _cuts(model, symbols)
    if cuts is not None:
        tokenizer.pre_tokenizer = cuts
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=list(template),
        pair=[*template, *(f"{part}:1" if part != "$A" else "$B:1" for part in template)],
        special_tokens=[(token, symbols.index(token)) for token in dict.fromkeys(template) if token != "$A"],
    )
    return tokenizer


def missing() -> MissingDependencyError:
    """What to say where Hugging Face's packages are asked for and not there."""
    return MissingDependencyError(
        f"Hugging Face's format needs the packages transformers and safetensors. Install them: pip install "
        f"'{REQUIREMENT}' safetensors"
    )


def _check(model: SentencePieceModel) -> None:
    """Refuse what a tokenizer.json cannot do as SentencePiece does it."""
    faults = [
        (model.kind not in (UNIGRAM, BPE), "is of a kind other than unigram and bpe"),
        (any(kind == USER_DEFINED for _, _, kind in model.pieces), "has user-defined symbols"),
        (model.whitespace_as_suffix, "puts spaces behind words"),
        (not model.escape_whitespaces, "does not mark spaces"),
    ]
    for found, fault in faults:
        if found:
            raise CheckpointError(
                f"the SentencePiece model {fault}, which a tokenizer.json cannot do. Convert with --spm none, without "
                "tokenizer files, and cut lines with SentencePiece"
            )


def _model(model: SentencePieceModel, symbols: Sequence[str]) -> Any:
    from tokenizers import models

    scores = {piece: score for piece, score, kind in model.pieces if kind == NORMAL}
    unknown = symbols.index(UNK)
    if model.kind == UNIGRAM:
        vocabulary = [(symbol, scores.get(symbol, _UNREACHABLE)) for symbol in symbols]
        return models.Unigram(vocabulary, unk_id=unknown, byte_fallback=model.byte_fallback)
    ids = {symbol: i for i, symbol in enumerate(symbols)}
    pieces = {piece: score for piece, score in scores.items() if piece in ids}
    return models.BPE(
        ids, merges(pieces), unk_token=UNK, fuse_unk=not model.byte_fallback, byte_fallback=model.byte_fallback
    )


def merges(scores: dict[str, float]) -> list[tuple[str, str]]:
    """Every way to join two pieces to a third, best first: SentencePiece joins by the score of what comes out."""
    ways = [
        (-score, piece, cut)
        for piece, score in scores.items()
        for cut in range(1, len(piece))
        if piece[:cut] in scores and piece[cut:] in scores
    ]
    return [(piece[:cut], piece[cut:]) for _, piece, cut in sorted(ways)]


def _normalizer(model: SentencePieceModel) -> Any:
    """SentencePiece's rules, then its spaces: none at the ends, one between words, one before the first."""
    from tokenizers import Regex, normalizers

    steps: list[Any] = [normalizers.Precompiled(model.charsmap)] if model.charsmap else []
    if model.remove_extra_whitespaces:
        steps += [
            normalizers.Replace(Regex(r"\A +"), ""),
            normalizers.Replace(Regex(rf"[ {SPACE}]+\z"), ""),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    if model.dummy_prefix:
        steps.append(normalizers.Prepend(SPACE))
    return normalizers.Sequence([*steps, normalizers.Replace(" ", SPACE)])


def _decoder() -> Any:
    """Pieces to text, as `translate` joins them: without spaces at the ends."""
    from tokenizers import decoders

    most = 1 << 16
    return decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", most, most)]
    )


def _cuts(model: SentencePieceModel, symbols: Iterable[str]) -> Any | None:
    """Cuts text that spells out a symbol that is no piece, beside a character that no piece has.

    Unknown characters cost more than any score, so that otherwise the symbol itself would be the better reading.
    """
    from tokenizers import Regex, pre_tokenizers

    if model.kind != UNIGRAM:
        return None
    pieces = {piece for piece, _, kind in model.pieces if kind == NORMAL}
    known = {piece for piece in pieces if len(piece) == 1}
    places = list[str]()
    for token in (symbol for symbol in symbols if symbol not in pieces):
        borders = [i for i in range(1, len(token)) if (token[i - 1] in known) != (token[i] in known)]
        if not borders and token[0] not in known:
            borders = [1]
        places += [f"(?<={re.escape(token[:i])})(?={re.escape(token[i:])})" for i in borders[:1]]
    return pre_tokenizers.Split(Regex("|".join(places)), "isolated") if places else None
