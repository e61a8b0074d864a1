"""The same as ``mplug2 test``."""

import sys

from mplug2.cli import main

if __name__ == '__main__':
    sys.exit(main(['test', *sys.argv[1:]]))
