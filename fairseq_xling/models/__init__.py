"""fairseq models; fairseq imports every module here whose name has no leading underscore."""
