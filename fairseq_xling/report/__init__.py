"""One self-contained HTML page per run: tables, heat-maps, histograms, curves, sample pairs; no script, no network."""
