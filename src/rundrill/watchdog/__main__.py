"""The watchdog as a program of its own."""

import sys

from rundrill.watchdog.process import main

sys.exit(main(sys.argv[1:]))
