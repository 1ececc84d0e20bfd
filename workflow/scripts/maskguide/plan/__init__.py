"""What a run consists of, in plain Python: no snakemake, no torch."""
