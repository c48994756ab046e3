from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from references.small_run import Size, mined_lines

from fairseq_xling.errors import CorpusError
from fairseq_xling.files import read_lines
from fairseq_xling.languages import Pair
from fairseq_xling.report.reading import Run
from fairseq_xling.report.samples import read_some, samples

PAIR = Pair("aa", "bb")


def test_samples_are_the_lines_of_the_texts(run: Run) -> None:
    found, missing = samples(run, 1)
    assert missing == []
    assert list(found) == run.pairs
    texts = {code: read_lines(run.root / "world" / f"mono.{code}") for code in PAIR}
    lines = mined_lines(1)
    for sample in found[PAIR]:
        score, source, target = lines[sample.rank - 1]
        assert sample.margin == pytest.approx(score)
        assert (sample.source, sample.target) == (texts["aa"][source], texts["bb"][target])
        assert sample.right == (source == target)
    assert [sample.rank for sample in found[PAIR]] == [1, 6, 11, 15, 20]
    assert [sample.place for sample in found[PAIR]] == ["best", "25 %", "middle", "75 %", "last"]


def test_without_ids_nothing_is_judged(write: Callable[[Size], Run]) -> None:
    found, _ = samples(write(Size(rounds=0, ids=False)), 0)
    assert {sample.right for some in found.values() for sample in some} == {None}


def test_a_text_that_changed_or_is_gone_is_not_shown(write: Callable[[Size], Run]) -> None:
    run = write(Size(rounds=0))
    (run.root / "world/mono.aa").write_text("another text\n" * 40)
    (run.root / "world/mono.bb").unlink()
    found, missing = samples(run, 0)
    assert found == {}
    assert [said.partition(":")[0] for said in missing] == ["aa", "bb"]
    assert "not the one that was mined" in missing[0]
    assert "not where the configuration says" in missing[1]


def test_few_pairs_are_shown_once_each(write: Callable[[Size], Run]) -> None:
    run = write(Size(rounds=0))
    for count in (0, 1, 2):
        place = run.root / "round-00/mine/aa-bb"
        manifest = (place / "pairs.manifest.json").read_text()
        before = int(manifest.split('"pairs": ')[1].split(",")[0])
        (place / "pairs.manifest.json").write_text(manifest.replace(f'"pairs": {before}', f'"pairs": {count}'))
        found, _ = samples(run, 0)
        assert len(found.get(PAIR, [])) == count


def test_a_damaged_line_is_named(write: Callable[[Size], Run]) -> None:
    run = write(Size(rounds=0))
    (run.root / "round-00/mine/aa-bb/pairs.tsv").write_text("x\n" * 10)
    with pytest.raises(CorpusError, match=r"pairs\.tsv:1: not score TAB line TAB line"):
        samples(run, 0)


def test_some_lines(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a\nb\nc\n")
    assert read_some(tmp_path / "f", {2, 0, 9}) == {0: "a", 2: "c"}
    assert read_some(tmp_path / "absent", set()) == {}
