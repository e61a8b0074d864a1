"""mPLUG-2 on MMEngine: modules for text, image and video, composed per task by config files."""

from .version import __version__

__all__ = ['__version__']
