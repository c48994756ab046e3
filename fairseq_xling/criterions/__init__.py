"""fairseq criterions; fairseq does not look here by itself, tasks/__init__.py imports this package."""
