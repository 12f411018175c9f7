"""The bug zoo: backwards that are wrong in the ways people get them wrong.

Every one stands for a mistake seen in the wild. They are there to be caught: a test
runs each through the witnesses, and the checks are worth as much as what they catch.
"""

from . import network, recurrent, tensor, tiled
from .bug import Bug, zoo

__all__ = ["Bug", "network", "recurrent", "tensor", "tiled", "zoo"]
