from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling import __version__
from fairseq_xling.signatures import joined, parse_signature, shared, signature

names = st.text(string.ascii_lowercase, min_size=1, max_size=8).filter(lambda name: name != "xling")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"margin": "ratio", "k": 4}, "margin:ratio|k:4"),
        ({"k": 4, "margin": "ratio"}, "k:4|margin:ratio"),
        ({"max_count": None}, "max-count:none"),
        ({"unify": True, "text": False}, "unify:yes|text:no"),
        ({"threshold": 1.06}, "threshold:1.06"),
        ({"threshold": np.float64(1.06123456)}, "threshold:1.06123456"),
        ({"threshold": 0.1 + 0.2}, "threshold:0.3"),
        ({"rate": 1e-5}, "rate:1e-05"),
        ({"metrics": ["bleu", "chrf"]}, "metrics:bleu+chrf"),
        ({"file": "C:/a|b%c\nd"}, "file:C:/a%7Cb%25c%0Ad"),
    ],
)
def test_table(fields: dict[str, object], text: str) -> None:
    assert signature(**fields) == f"{text}|xling:{__version__}"


@given(st.dictionaries(names, st.text(), max_size=5))
def test_what_is_written_is_read_back_in_order(fields: dict[str, str]) -> None:
    text = signature(**fields)
    assert "\n" not in text
    assert list(parse_signature(text).items()) == [*fields.items(), ("xling", __version__)]


def test_joined_signatures_name_the_version_once() -> None:
    assert joined(signature(encoder="surface"), signature(margin="ratio", k=4)) == signature(
        encoder="surface", margin="ratio", k=4
    )


def test_a_mean_shares_what_its_numbers_agree_on() -> None:
    one, two = signature(pair="aa-bb", k=4, case="a|b"), signature(pair="aa-cc", k=4, case="a|b", more=1)
    assert parse_signature(shared([one, two])) == {
        "pair": "various", "k": "4", "case": "a|b", "more": "various", "xling": __version__,
    }  # fmt: skip
    assert shared([one]) == shared([one, one]) == one
