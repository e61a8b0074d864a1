"""Video classification benchmarks."""
