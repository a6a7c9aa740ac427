"""Loss against data from scratch, one curve a size."""
