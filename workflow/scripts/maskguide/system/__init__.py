"""What changes no result: command line, devices, signals, files, SLURM."""
