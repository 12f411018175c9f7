"""Character-level language models trained with gradients written by hand.

Every gradient is a pair of plain functions, ``f`` and ``f_backward``, in
:mod:`charlm.ops`. The book *Gradients by Hand* derives each of them.
"""

__version__ = "0.1.0"
