"""Scores of vectors, hypotheses and mined pairs, each with the signature of how it was made."""
