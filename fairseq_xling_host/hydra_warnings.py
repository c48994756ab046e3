"""Hydra's advice to the authors of a configuration written for hydra 1.0, which no user of fairseq can follow."""

from __future__ import annotations

import warnings

# fairseq's config.yaml keeps its meaning at version_base 1.1, which hydra supports below 1.4; hence setup.py's bound.
ADVICE = (
    r'\s*version_base="1\.1" selects Hydra 1\.1 compatibility behavior',
    r"In 'config': Usage of deprecated keyword in package header",
    r"\s*'config' is validated against ConfigStore schema with the same name",
    r"Future Hydra versions will no longer change working directory at job runtime by default",
)


def silence() -> None:
    """Drop exactly these messages; any other warning of hydra is still shown."""
    for message in ADVICE:
        warnings.filterwarnings("ignore", message=message, category=UserWarning)
