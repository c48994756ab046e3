"""From files to batches for the tasks: language tokens, sentence pairs, sampling over pairs of languages."""
