"""Pictures of a page for the documents, each of one element, as chromium shows it 1240 pixels wide.

  PYTHONPATH=tests:. python tests/browser/picture.py R/report.html docs/images/report "header" "#rounds" "#mining"

writes docs/images/report-header.png and so on; in front of an element `--dark` asks for the dark scheme, `--phone`
for a width of 360.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from references.chromium import Browser


def take(page: Path, prefix: str, elements: list[str]) -> None:
    """Write a picture for each element; words that begin with -- are about the next one."""
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(Path(profile))
        try:
            said = set[str]()
            for element in elements:
                if element.startswith("--"):
                    said.add(element)
                    continue
                browser.open(page, 360 if "--phone" in said else 1240, dark="--dark" in said)
                name = "-".join([prefix, element.strip("#"), *sorted(word.strip("-") for word in said)])
                Path(f"{name}.png").write_bytes(browser.picture(element))
                said.clear()
        finally:
            browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
