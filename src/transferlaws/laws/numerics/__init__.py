"""Batched least squares, and redrawn studies."""
