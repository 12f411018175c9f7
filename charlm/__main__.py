"""``python -m charlm``."""

import sys

try:
    from .cli import main
except KeyboardInterrupt:  # Ctrl-C before a command could say so itself
    exec("")  # as in cli/main.py, or the signal ends the program
    sys.exit("charlm: stopped")

sys.exit(main())
