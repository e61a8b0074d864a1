"""The same as ``mplug2 train``."""

import sys

from mplug2.cli import main

if __name__ == '__main__':
    sys.exit(main(['train', *sys.argv[1:]]))
