from __future__ import annotations

import inspect

import pytest

from fairseq_xling import errors
from fairseq_xling.errors import ConfigError, XlingError


@pytest.mark.parametrize(
    ("faults", "where", "listed", "text"),
    [
        ("k is 0", None, ["k is 0"], "k is 0"),
        (["k is 0"], "mining", ["k is 0"], "mining: k is 0"),
        (["k is 0", "m is 1"], None, ["k is 0", "m is 1"], "2 faults: k is 0; m is 1"),
        (("k is 0", "m is 1"), "a.yaml", ["k is 0", "m is 1"], "a.yaml: 2 faults: k is 0; m is 1"),
    ],
)
def test_config_error_says_all_faults(faults: object, where: str | None, listed: list[str], text: str) -> None:
    error = ConfigError(faults, where)  # type: ignore[arg-type]
    assert error.faults == listed
    assert error.where == where
    assert str(error) == text


def test_all_are_the_users_but_a_round() -> None:
    """Exit codes of the public face: 2 is the user's to mend, 1 is ours."""
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, XlingError)]
    codes = {cls.__name__: cls.exit_code for cls in classes}
    assert codes == {
        "XlingError": 2,
        "ConfigError": 2,
        "CorpusError": 2,
        "CheckpointError": 2,
        "MissingDependencyError": 2,
        "RoundError": 1,
    }
