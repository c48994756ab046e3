"""fairseq models; fairseq imports every module here whose name has no leading underscore."""

from fairseq_xling.models import criss, dual_encoder  # noqa: F401 - imported so that it registers also without --user-dir
