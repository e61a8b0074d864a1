"""Samplers, and the mixture of pre-training sources."""
