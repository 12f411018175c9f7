"""How much memory is there? Asked before something large is made."""

import os
from pathlib import Path


def available() -> int:
    """Bytes of memory that can still be used, as far as the system says."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass  # not Linux
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 2**63


def refuse_beyond(size: int, what: str, remedy: str) -> None:
    """Hold that ``size`` bytes fit into memory.

    Raises:
        ValueError: they do not; says what would need them, and the remedy.
    """
    free = available()
    if size > free:
        raise ValueError(
            f"{what} would take {size / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} "
            f"GB are free; {remedy}"
        )
