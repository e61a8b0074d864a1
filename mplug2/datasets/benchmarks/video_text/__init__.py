"""Benchmarks of clips with text."""
