"""``python -m charlm``."""

import sys

try:
    from .cli import main
except KeyboardInterrupt:  # Ctrl-C before a command could say so itself
    sys.exit("charlm: stopped")

sys.exit(main())
