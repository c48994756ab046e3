"""Language codes and pairs of languages, in one canonical order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fairseq_xling.configs import unknown
from fairseq_xling.errors import ConfigError

# mBART's code: (ISO 639-1, ISO 639-3). The first 25 are mBART cc25's (arXiv 2001.08210, table 1), in its order;
# the others came with mBART-50 (arXiv 2008.00401, table 1).
_MBART = {
    "ar_AR": ("ar", "ara"), "cs_CZ": ("cs", "ces"), "de_DE": ("de", "deu"), "en_XX": ("en", "eng"),
    "es_XX": ("es", "spa"), "et_EE": ("et", "est"), "fi_FI": ("fi", "fin"), "fr_XX": ("fr", "fra"),
    "gu_IN": ("gu", "guj"), "hi_IN": ("hi", "hin"), "it_IT": ("it", "ita"), "ja_XX": ("ja", "jpn"),
    "kk_KZ": ("kk", "kaz"), "ko_KR": ("ko", "kor"), "lt_LT": ("lt", "lit"), "lv_LV": ("lv", "lav"),
    "my_MM": ("my", "mya"), "ne_NP": ("ne", "nep"), "nl_XX": ("nl", "nld"), "ro_RO": ("ro", "ron"),
    "ru_RU": ("ru", "rus"), "si_LK": ("si", "sin"), "tr_TR": ("tr", "tur"), "vi_VN": ("vi", "vie"),
    "zh_CN": ("zh", "cmn"),
    "af_ZA": ("af", "afr"), "az_AZ": ("az", "aze"), "bn_IN": ("bn", "ben"), "fa_IR": ("fa", "pes"),
    "gl_ES": ("gl", "glg"), "he_IL": ("he", "heb"), "hr_HR": ("hr", "hrv"), "id_ID": ("id", "ind"),
    "ka_GE": ("ka", "kat"), "km_KH": ("km", "khm"), "mk_MK": ("mk", "mkd"), "ml_IN": ("ml", "mal"),
    "mn_MN": ("mn", "mon"), "mr_IN": ("mr", "mar"), "pl_PL": ("pl", "pol"), "ps_AF": ("ps", "pus"),
    "pt_XX": ("pt", "por"), "sl_SI": ("sl", "slv"), "sv_SE": ("sv", "swe"), "sw_KE": ("sw", "swh"),
    "ta_IN": ("ta", "tam"), "te_IN": ("te", "tel"), "th_TH": ("th", "tha"), "tl_XX": ("tl", "tgl"),
    "uk_UA": ("uk", "ukr"), "ur_PK": ("ur", "urd"), "xh_ZA": ("xh", "xho"),
}  # fmt: skip

MBART_CC25 = tuple(_MBART)[:25]
# Other codes under which public test sets list an mBART language.
_OTHER_ISO3 = {"zho": "zh_CN", "fas": "fa_IR", "arb": "ar_AR", "swa": "sw_KE", "npi": "ne_NP", "azj": "az_AZ"}


class Pair(NamedTuple):
    """A pair of languages, source first; undirected where nothing else is said."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source}-{self.target}"

    @property
    def reversed(self) -> Pair:
        return Pair(self.target, self.source)


def language_token(code: str) -> str:
    """The dictionary's symbol of a language: its code in brackets, verbatim."""
    return f"[{code}]"


def to_iso(code: str, letters: int = 3) -> str:
    """mBART's code to ISO 639-1 (2 letters) or 639-3 (3 letters); a code that is not mBART's is returned as it is."""
    if letters not in (2, 3):
        raise ValueError(f"letters must be 2 or 3, but is {letters}")
    return _MBART[code][letters - 2] if code in _MBART else code


def to_mbart(code: str) -> str:
    """ISO 639-1 or 639-3, or mBART's own code, to mBART's; a code that it does not cover is returned as it is."""
    if code in _OTHER_ISO3:
        return _OTHER_ISO3[code]
    return next((mbart for mbart, iso in _MBART.items() if code in iso), code)


def parse_languages(text: str) -> list[str]:
    """A comma-separated list of codes; an empty one, a repeated one and an unusable one are faults."""
    codes = [code.strip() for code in text.split(",")]
    faults = [f"a language code is empty in {text!r}"] if not all(codes) else []
    faults += [f"language `{code}` is given twice" for code in sorted({c for c in codes if c and codes.count(c) > 1})]
    unusable = [code for code in codes if any(mark.isspace() or mark in "[]:/" for mark in code)]
    faults += [f"language code `{code}` has a space, bracket, colon or slash in it" for code in unusable]
    if faults:
        raise ConfigError(faults, "languages")
    return codes


def parse_pairs(text: str, languages: Sequence[str]) -> list[Pair]:
    """`all`, `pivots:en_XX,es_XX`, or `en_XX-ro_RO,…` to undirected pairs in canonical order."""
    if len(languages) < 2:
        raise ConfigError(f"two languages make a pair, but {len(languages)} are given. Add one", "pairs")
    if text.strip() == "all":
        return canonical(itertools.combinations(languages, 2), languages)
    if text.startswith("pivots:"):
        return pivot_pairs(parse_languages(text.removeprefix("pivots:")), languages)
    pairs, faults = list[Pair](), list[str]()
    for part in text.split(","):
        try:
            pairs.append(parse_pair(part.strip(), languages))
        except ConfigError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigError(faults, "pairs")
    return canonical(pairs, languages)


def parse_pair(text: str, languages: Sequence[str]) -> Pair:
    """`source-target` as written, direction kept; a code may itself have a hyphen."""
    cuts = [i for i, mark in enumerate(text) if mark == "-"]
    found = [Pair(text[:i], text[i + 1 :]) for i in cuts if text[:i] in languages and text[i + 1 :] in languages]
    if not found:
        if len(cuts) != 1:
            raise ConfigError(f"pair `{text}` is not two known languages joined by a hyphen ({', '.join(languages)})")
        wrong = [code for code in text.split("-") if code not in languages]
        raise ConfigError([unknown("language", code, list(languages)) + f" in pair `{text}`" for code in wrong])
    if len(found) > 1:
        raise ConfigError(f"pair `{text}` can be read as {found[0]!r} and {found[1]!r}. Rename a language")
    if found[0].source == found[0].target:
        raise ConfigError(f"pair `{text}` joins a language to itself")
    return found[0]


def pivot_pairs(pivots: Sequence[str], languages: Sequence[str]) -> list[Pair]:
    """Every pair with a pivot in it (CRISS, section 4.1: 90 of the 300 pairs of 25 languages with 4 pivots)."""
    faults = [unknown("pivot language", pivot, list(languages)) for pivot in pivots if pivot not in languages]
    if faults:
        raise ConfigError(faults, "pairs")
    return canonical((p for p in itertools.combinations(languages, 2) if set(p) & set(pivots)), languages)


def canonical(pairs: Iterable[tuple[str, str]], languages: Sequence[str]) -> list[Pair]:
    """Without direction and repetition, the language that is listed first as source, ordered as `languages` is."""
    place = {code: i for i, code in enumerate(languages)}
    ordered = {Pair(*sorted(pair, key=place.__getitem__)) for pair in pairs}
    return sorted(ordered, key=lambda pair: (place[pair.source], place[pair.target]))


def directions(pairs: Iterable[Pair]) -> list[Pair]:
    """Each pair both ways, forward first."""
    return [direction for pair in pairs for direction in (pair, pair.reversed)]
