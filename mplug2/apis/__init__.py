"""What a caller in Python uses."""

from .release import load_release

__all__ = ['load_release']
