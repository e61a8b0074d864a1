"""Language benchmarks."""
