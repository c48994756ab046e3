"""fairseq optimizers; fairseq does not look here by itself, tasks/__init__.py imports this package."""

from fairseq_xling.optimizers import fused_adam  # noqa: F401 - imported so that it registers
