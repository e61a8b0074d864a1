"""Benchmarks of images with text."""
