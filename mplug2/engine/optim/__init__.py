"""Optimizer wrapper and constructors."""
