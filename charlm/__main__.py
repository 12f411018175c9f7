"""``python -m charlm``."""

import sys

try:
    from .cli import main
except KeyboardInterrupt:  # Ctrl-C before a command could say so itself
    exec("")  # as there: or the signal ends the program, whatever it returns
    sys.exit("charlm: stopped")

sys.exit(main())
