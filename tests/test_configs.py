from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_xling.configs import at_least, checked, choices, option, read_config, required, unknown
from fairseq_xling.errors import ConfigError


@dataclass(frozen=True)
class Search:
    k: int = option(4, "neighbours")
    margin: Literal["ratio", "distance"] = option("ratio", "how")
    threshold: float | None = option(None, "least margin")

    def faults(self) -> Iterator[str]:
        yield from at_least("k", self.k, 1)
        if self.margin == "distance" and self.threshold is not None and self.threshold > 1:
            yield "`threshold` above 1 finds nothing by distance"


@dataclass(frozen=True)
class Run:
    name: str = field(metadata={"help": "what to call it"})
    seed: int = 1
    shuffle: bool = False
    sizes: list[int] = field(default_factory=list)
    pair: tuple[str, ...] = ()
    search: Search = field(default_factory=Search)
    pretrain: Search | None = None
    start: Search | str = "surface"
    resources: Mapping[str, int] = field(default_factory=dict)
    free: Any = None


def faults(values: Any, cls: type[Any] = Run) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_config(cls, values, "run.yaml")
    assert caught.value.where == "run.yaml"
    return caught.value.faults


def test_a_whole_config() -> None:
    values = {
        "name": "a",
        "seed": 3,
        "shuffle": True,
        "sizes": [1, 2],
        "pair": ["x", "y"],
        "search": {"k": 8, "threshold": 1},
        "pretrain": {"margin": "distance"},
        "start": {"k": 2},
        "resources": {"cpus": 8},
        "free": {"anything": [None]},
    }
    found = read_config(Run, values, "run.yaml")
    assert found == Run(
        "a", 3, True, [1, 2], ("x", "y"), Search(8, "ratio", 1.0), Search(margin="distance"), Search(2), {"cpus": 8},
        {"anything": [None]},
    )  # fmt: skip
    assert isinstance(found.search.threshold, float)


def test_defaults_and_null() -> None:
    assert read_config(Run, {"name": "a", "pretrain": None}, "run.yaml") == Run("a")
    assert read_config(Run, {"name": "a", "start": "surface"}, "run.yaml").start == "surface"


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({}, "`name` is missing (what to call it)"),
        ({"name": 3}, "`name` must be text, but is 3"),
        ({"name": "a", "seed": "1"}, "`seed` must be a whole number, but is '1'"),
        ({"name": "a", "seed": True}, "`seed` must be a whole number, but is True"),
        ({"name": "a", "seed": 1.5}, "`seed` must be a whole number, but is 1.5"),
        ({"name": "a", "seed": None}, "`seed` must be a whole number, but is None"),
        ({"name": "a", "shuffle": 1}, "`shuffle` must be true or false, but is 1"),
        ({"name": "a", "sede": 1}, "unknown option `sede` (did you mean `seed`?)"),
        ({"name": "a", 7: 1}, "unknown option `7` (known: name, seed, shuffle, sizes, pair, search, pretrain, start, "
                              "resources, free)"),
        ({"name": "a", "sizes": "12"}, "`sizes` must be a list, but is '12'"),
        ({"name": "a", "sizes": [1, "2"]}, "`sizes`[1] must be a whole number, but is '2'"),
        ({"name": "a", "pair": 1}, "`pair` must be a list, but is 1"),
        ({"name": "a", "resources": [1]}, "`resources` must be a mapping, but is [1]"),
        ({"name": "a", "resources": {"cpus": "8"}}, "`resources`[cpus] must be a whole number, but is '8'"),
        ({"name": "a", "search": {"margin": "x"}}, "`search`: `margin` must be one of ratio, distance, but is 'x'"),
        ({"name": "a", "search": {"kk": 1}}, "`search`: unknown option `kk` (did you mean `k`?)"),
        ({"name": "a", "search": {"k": 0}}, "`search`: `k` must be at least 1, but is 0. Set --k to 1 or more"),
        ({"name": "a", "search": {"threshold": True}}, "`search`: `threshold` must be a number, but is True"),
        ({"name": "a", "search": 4}, "`search`: must be a mapping of options, but is 4"),
        ({"name": "a", "start": 4}, "`start` cannot be 4 (`start`: must be a mapping of options, but is 4 / "
                                    "`start` must be text, but is 4)"),
    ],
)  # fmt: skip
def test_one_fault(values: dict[Any, Any], fault: str) -> None:
    assert faults(values) == [fault]


def test_no_mapping_at_all() -> None:
    assert faults(None) == ["must be a mapping of options, but is None"]


def test_every_fault_is_said_at_once() -> None:
    found = faults(
        {"sede": 1, "seed": "x", "search": {"k": 0, "margin": "distance", "threshold": 2.0}, "pretrain": {"j": 1}}
    )
    assert found == [
        "unknown option `sede` (did you mean `seed`?)",
        "`seed` must be a whole number, but is 'x'",
        "`search`: `k` must be at least 1, but is 0. Set --k to 1 or more",
        "`search`: `threshold` above 1 finds nothing by distance",
        "`pretrain`: unknown option `j` (known: k, margin, threshold)",
        "`name` is missing (what to call it)",
    ]


def test_rules_are_said_beside_unknown_options_and_wrong_types() -> None:
    said = faults({"k": 0, "treshold": 2, "margin": "both"}, Search)
    assert said == [
        "unknown option `treshold` (did you mean `threshold`?)",
        "`margin` must be one of ratio, distance, but is 'both'",
        "`k` must be at least 1, but is 0. Set --k to 1 or more",
    ]


def test_checked_looks_into_nested_configs() -> None:
    good = Run("a")
    assert checked(good) is good
    with pytest.raises(ConfigError, match="search: `k` must be at least 1, but is -1"):
        checked(dataclasses.replace(good, search=Search(-1)), "here")


@pytest.mark.parametrize(
    ("value", "least", "said"),
    [(0, 1, "at least 1, but is 0"), (0.5, 1.06, "at least 1.06, but is 0.5"), (1, 1, None), (None, 1, None),
     (1234567, 2345678, "at least 2345678, but is 1234567"), (float("nan"), 0, "at least 0, but is nan")],
)  # fmt: skip
def test_at_least(value: float | None, least: float, said: str | None) -> None:
    found = list(at_least("mining_k", value, least))
    assert len(found) == (said is not None)
    assert all(said in fault and "Set --mining-k to" in fault for fault in found if said)


def test_at_least_knows_another_flag() -> None:
    assert "Set --size to 1 or more" in next(at_least("n", 0, 1, "--size"))


@pytest.mark.parametrize(
    ("hint", "one", "values"),
    [
        (Literal["a", "b"], Literal["a", "b"], ("a", "b")),
        (Literal["a"] | None, Literal["a"], ("a",)),
        (Literal["last"] | int, Literal["last"] | int, None),  # not only these values
        (int | None, int, None),
        (str, str, None),
    ],
)
def test_required_and_choices(hint: Any, one: Any, values: tuple[Any, ...] | None) -> None:
    assert required(hint) == one
    assert choices(hint) == values


@dataclass(frozen=True)
class Exact:
    one: Literal[1, 2] = 1


@pytest.mark.parametrize("value", [True, 1.0, "1", [1]])
def test_a_literal_is_its_value_and_type(value: object) -> None:
    assert len(faults({"one": value}, Exact)) == 1


values_of_search = st.dictionaries(
    st.sampled_from(["k", "margin", "threshold", "x", "y"]), st.one_of(st.none(), st.integers(), st.text())
)


@given(values_of_search)
def test_any_mapping_gives_a_config_or_says_what_is_wrong(values: dict[str, Any]) -> None:
    right = {
        "k": lambda value: isinstance(value, int) and value >= 1,
        "margin": lambda value: value in ("ratio", "distance"),
        "threshold": lambda value: value is None or isinstance(value, int),
    }
    wrong = [name for name, value in values.items() if name not in right or not right[name](value)]
    if wrong or (values.get("margin") == "distance" and (values.get("threshold") or 0) > 1):
        assert len(faults(values, Search)) >= 1
    else:
        found = read_config(Search, values, "here")
        assert {name: getattr(found, name) for name in values} == values


def test_unknown_lists_what_is_known() -> None:
    assert unknown("verb", "zzz", ["mine", "score"]) == "unknown verb `zzz` (known: mine, score)"
