"""fairseq criterions; fairseq does not look here by itself, tasks/__init__.py imports this package."""

from fairseq_xling.criterions import masked_pairs, rtl, translation_ranking  # noqa: F401 - imported so that they register
