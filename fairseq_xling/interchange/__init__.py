"""Models in and out: a slim fairseq folder, other libraries' formats."""
