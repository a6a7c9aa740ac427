"""Figures of the book, one file a family: a table or a fit in, a `Drawing` (a matplotlib Figure) out."""

from transferlaws.figures.canvas import Drawing

__all__ = ["Drawing"]
