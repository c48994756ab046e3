"""What stands in for eval gives eval's values and calls nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling_host.expressions import LONGEST, evaluate

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner)
)


@given(VALUES)
def test_a_literal_is_itself(value: object) -> None:
    assert evaluate(repr(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] * 2",
        "[(512, 3)] * 20",
        " (0.9, 1 - 0.02)",
        "2 * [3]",
        "-1e-3",
        "7 // 2 + 1 / 4",
        "'x'",
        "1, 2",
        "{'beam': 5}",
        "False",
    ],
)
def test_what_fairseq_stores_is_what_eval_gives(text: str) -> None:
    assert evaluate(text) == eval(text)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "open('written', 'w')",
        "().__class__",
        "[x for x in (1, 2)]",
        "(lambda: 1)()",
        "f'{1}'",
        "x",
        "[1][0]",
        "{**{}}",
        "(y := 1)",
        "10 ** 10 ** 10",
        f"[0] * {LONGEST + 1}",
        f"'ab' * {LONGEST}",
        "(" * 10_000,
        "1 +",
        "",
    ],
)
def test_anything_else_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="is not made of numbers, strings, lists, tuples and dicts"):
        evaluate(text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [True, 3, None, [1]])
def test_no_string_is_a_type_error_as_with_eval(value: object) -> None:
    with pytest.raises(TypeError, match="must be a string"):
        evaluate(value)  # type: ignore[arg-type]
