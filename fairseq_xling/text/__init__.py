"""Sentences in and out: normalisation, pieces, filters, bitext files and vectors of spelling."""
