"""Image classification benchmarks."""
