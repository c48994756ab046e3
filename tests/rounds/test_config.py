"""The configuration of a run: what it takes, and all that it refuses at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fairseq_xling.cli.iterate import sections
from fairseq_xling.errors import ConfigError
from fairseq_xling.languages import Pair
from fairseq_xling.rounds.config import KINDS, read_rounds


def faults(read, **given: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(**given)
    return caught.value.faults


def test_defaults(read) -> None:
    config = read()
    assert config.pairs == (Pair("aa", "bb"), Pair("aa", "cc"), Pair("bb", "cc"))
    assert (config.rounds, config.seed) == (2, 1)
    assert config.evaluated == config.translated == config.pairs
    assert config.start.miner == "surface"
    assert not config.start.has_model
    assert set(config.resources) == set(KINDS)


def test_paths_are_meant_from_the_file(read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    config = read()
    assert config.languages["bb"].mono == tmp_path / "mono.bb"
    assert config.values["languages"]["bb"]["ids"] == str(tmp_path / "ids.bb")
    monkeypatch.setenv("TEXTS", str(tmp_path))
    languages = {code: {"mono": f"${{TEXTS}}/mono.{code}"} for code in ("aa", "bb")}
    assert read(languages=languages).values["languages"]["aa"]["mono"] == str(tmp_path / "mono.aa")
    monkeypatch.delenv("TEXTS")
    assert faults(read, languages=languages) == [
        "the environment variable TEXTS is not set, but paths name it. Set it: export TEXTS=…"
    ]


def test_what_is_kept_reads_back_as_the_same(read, tmp_path: Path) -> None:
    config = read(mining={"k": 3, "max_count": [5, None]}, pairs={"pivots": ["cc"]})
    again = read_rounds(config.values, Path("/elsewhere"), sections())
    assert again.pairs == config.pairs == (Pair("aa", "cc"), Pair("bb", "cc"))
    assert again.values == config.values
    assert again.mining.words(Pair("aa", "cc"), 0) == config.mining.words(Pair("aa", "cc"), 0)


def test_pretrain_without_options(read) -> None:
    assert read(start={"pretrain": None}).start.pretrain.max_update == 20000


def test_everything_wrong_is_said_at_once(read) -> None:
    said = faults(
        read,
        seed=-1, rounds="three", colour="red", pairs=["aa-xx", "aa"],
        languages={"aa": {"mono": "none.aa", "font": 1}, "bb": {"mono": "none.bb"}, "cc": {}, "a[": {"mono": 7}},
        start={"checkpoint": "none.pt", "miner": "magic"},
        pieces={"vocabulary": "big"}, assembly={"filters": 3, "nothing": 1}, encoding={"layers": 2},
        mining={
            "k": 0, "max_count": [3, "x"],
            "per_pair": {"aa-xx": {"k": 3}, "aa-bb": {"threshold": "low"}, "bb-cc": 1},
        },
        training={"arch": "criss_tiny", "max_update": [], "args": "'open"}, translation="fast",
        evaluation={"metrics": ["tatoeba", "blue"], "splits": ["tset"], "directions": "pivots:xx"},
        resources={"train": {"gpus": -1, "mem": "lots"}, "mine": {"nodes": 2}, "cook": {}},
    )  # fmt: skip
    text = "\n".join(said)
    for part in (
        "unknown option `colour`", "`seed` must be a whole number from 0, but is -1", "`rounds` must be a whole number",
        "languages: aa: unknown option `font`", "languages: bb: `mono`", "languages: cc: `mono` is missing",
        "code `a[` has a space, bracket", "languages: a[: `mono`", "unknown language `xx`", "pair `aa` is not two",
        "start: `miner` must be one of model, surface", "pieces: `vocabulary`", "assembly: unknown option `nothing`",
        "encoding: unknown option `layers`", "mining: `mining_k` must be at least 1",
        "mining: `max_count` must be a whole number, but is 'x'",
        "per_pair: aa-bb: `threshold`", "per_pair: bb-cc must be a mapping", "`max_update` must not be an empty list",
        "`args` cannot be split", "`translation` must be a mapping", "unknown metric `blue` (did you mean `bleu`?)",
        "unknown split `tset`", "resources: train: `gpus` must be at least 0",
        "resources: train: `mem` must be a number",
        "resources: mine: only train, pretrain and align run on several nodes",
        "unknown kind of stage `cook`",
    ):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"languages": {"aa": {"mono": "mono.aa"}}}, "`languages` must name at least two"),
        ({"mining": {"tiles": 0}}, "mining: `tiles` must be a whole number from 1, but is 0"),
        ({"mining": {"tiles": True}}, "mining: `tiles` must be a whole number from 1, but is True"),
        ({"mining": {"tiles": 2, "workers": 2}}, "mining: `tiles` and `workers` exclude each other"),
        ({"mining": {"memory_limit": "2GB"}}, "mining: `memory_limit` must be a number with K, M, G or T"),
        ({"languages": None}, "`languages` must name at least two"),
        ({"languages": {False: {"mono": "mono.aa"}, "bb": {"mono": "mono.bb"}}}, "language False is not text to YAML"),
        (
            {"languages": {"-a": {"mono": "mono.aa"}, "..": {"mono": "mono.bb"}}},
            "must not begin with a hyphen or a dot",
        ),
        ({"start": None}, "`start` is missing"),
        ({"start": {}}, "or say `start: surface`"),
        ({"start": {"checkpoint": "mono.aa"}}, "`checkpoint` needs its `spm` and its `dict`"),
        ({"start": {"checkpoint": "mono.aa", "spm": "mono.aa", "dict": "x"}}, "`dict` .*x does not exist"),
        ({"start": {"pretrain": {"max_update": 0}}}, "`max_update` must be at least 1"),
        ({"pairs": 3}, "`pairs` must be all"),
        ({"evaluation": {"directions": "pivots:xx"}}, "`evaluation: directions`: unknown pivot language `xx`"),
        ({"pairs": ["aa-aa"]}, "joins a language to itself"),
        ({"training": {"temperature": 0}}, "`temperature` must be above 0"),
        ({"training": {"max_update": [3, 0]}}, "`max_update` must be at least 1, but is 0"),
        ({"resources": [1]}, "`resources` must be a mapping"),
        ({"mining": {"per_pair": {"aa-bb": {"k": 2}}}, "pairs": ["aa-cc"]}, "aa-bb"),
        ({"rounds": True}, "`rounds` must be a whole number"),
    ],
)
def test_faults(read, given: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        read(**given)


def test_not_a_mapping(tmp_path: Path) -> None:
    for value in (None, [], "x"):
        with pytest.raises(ConfigError, match="must be a mapping"):
            read_rounds(value, tmp_path, sections())


def test_a_dry_run_does_without_files(read, tmp_path: Path) -> None:
    start = {"checkpoint": "c.pt", "spm": "s", "dict": "d"}
    languages = {"aa": {"sentences": 5}, "bb": {"mono": "later.bb", "test": "later.test", "sentences": 7}}
    config = read("planned", languages=languages, start=start)
    assert [path.name for path in config.files] == ["later.bb", "later.test", "c.pt", "s", "d"]
    assert len(faults(read, languages=languages, start=start)) == 5
    lacking = {"aa": {"mono": "none"}, "bb": {"sentences": 1}}
    with pytest.raises(ConfigError, match="does not exist"):
        read("planned", languages=lacking)
    assert read("ignored", languages=lacking).languages["aa"].mono == tmp_path / "none"


def test_some_directions_are_translated(read) -> None:
    config = read(evaluation={"directions": ["aa-bb", "bb-cc"], "translated": {"pivots": ["aa"]}}, pairs=["aa-bb"])
    assert config.evaluated == (Pair("aa", "bb"), Pair("bb", "cc"))
    assert config.translated == (Pair("aa", "bb"),)


def test_home(read, tmp_path: Path) -> None:
    assert read("ignored", languages={"aa": {"mono": "~/x"}, "bb": {"mono": "y"}}).languages["aa"].mono == Path(
        os.path.expanduser("~/x")
    )
