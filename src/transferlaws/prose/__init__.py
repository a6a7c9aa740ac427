"""Sentences that a result decides."""
