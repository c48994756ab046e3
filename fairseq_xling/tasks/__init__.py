"""fairseq tasks; fairseq imports every module here by itself, so this also brings in what they are built from."""

from fairseq_xling import criterions, models, optimizers  # noqa: F401 - imported so that they register
from fairseq_xling.tasks import (  # noqa: F401 - imported so that they register also without --user-dir
    criss,
    dual_alignment,
    margin_mining,
    masked_pairs,
    mbart_denoising,
)
