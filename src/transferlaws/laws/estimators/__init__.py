"""From a table to a law, with intervals."""
