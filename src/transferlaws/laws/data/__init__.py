"""Runs and what they are reduced to: the table, its cells, the noise of a run, and planted tables."""

SCRATCH = "scratch"
"""The arm that every other is measured against, as it is called from `read_table` on."""
