from __future__ import annotations

from pathlib import Path

import fairseq_xling


def test_the_package_names_its_own_folder(root: Path) -> None:
    assert Path(fairseq_xling.USER_DIR) == root / "fairseq_xling"
    assert (Path(fairseq_xling.USER_DIR) / "py.typed").is_file()


def test_version_is_a_release_number() -> None:
    assert [part.isdigit() for part in fairseq_xling.__version__.split(".")] == [True, True, True]


def test_all_is_there() -> None:
    assert all(hasattr(fairseq_xling, name) for name in fairseq_xling.__all__)
