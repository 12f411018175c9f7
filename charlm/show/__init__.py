"""Tables, graphs and pictures to click through, as HTML.

For the book's pages and for notebooks; in a terminal each shows as plain text. What is
here knows nothing of models. Figures with axes are in :mod:`charlm.plots`.

* ``table``: rows and columns;
* ``graph``: boxes and arrows;
* ``stepper``: pictures one after the other.
"""

from .graph import Node, graph, layout, width
from .stepper import stepper
from .table import Html, table

__all__ = ["Html", "Node", "graph", "layout", "stepper", "table", "width"]
