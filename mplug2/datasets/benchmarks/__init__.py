"""Benchmarks by modality, one class each, over their official files."""
