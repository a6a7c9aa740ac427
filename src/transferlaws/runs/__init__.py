"""Which runs a study needs, which exist, and how the missing ones get trained."""
